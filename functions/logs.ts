import type { Logger } from '@aws-lambda-powertools/logger';
import type { Log } from '../lib/broker/parts.ts';
import type { InvocationIds, Invocations } from '../lib/handlers/parts.ts';
import type { BrokerError } from '../lib/model/errors.ts';

/** The log in CloudWatch: a JSON object a line, with the ids of the invocation that it is about. */
export type Logs = { readonly log: Log; readonly trace: Log; readonly invocations: Invocations };

/**
 * Writes failures as ERROR, what the operator should know as WARN, and what happens in each turn as DEBUG. The level
 * that is written is the function's. @see Lambda's advanced logging controls; POWERTOOLS_LOG_LEVEL
 */
export function cloudLogs(logger: Logger): Logs {
  return {
    log(event, details, error) {
      if (error) logger.error(event, { ...details, error: faceOf(error) });
      else logger.warn(event, details);
    },
    trace: (event, details) => logger.debug(event, details),
    invocations: {
      begin: ({ requestId, gatewayRequestId, connection }: InvocationIds) => {
        logger.resetKeys();
        logger.appendKeys({ requestId, gatewayRequestId, connection });
      },
      end: () => logger.resetKeys(),
    },
  };
}

/** Of a cause only its name is written: its message may quote what a client sent, as that of a JSON parser does. */
function faceOf({ code, message, stack, cause }: BrokerError): object {
  return {
    code,
    message,
    stack,
    ...(cause instanceof Error ? { cause: { name: cause.name, stack: framesOf(cause) } } : {}),
  };
}

/** The stack without the message that it begins with. */
function framesOf({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}
