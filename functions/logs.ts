import type { Logger } from '@aws-lambda-powertools/logger';
import type { Log } from '../lib/broker/broker.ts';
import type { InvocationIds, Invocations } from '../lib/handlers/environment.ts';
import type { BrokerError } from '../lib/model/errors.ts';
import { loggedCause } from '../lib/model/logged-cause.ts';

/** The log in CloudWatch: a JSON object a line, with the ids of the invocation that it is about. */
export type Logs = { readonly log: Log; readonly audit: Log; readonly trace: Log; readonly invocations: Invocations };

const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
type Level = (typeof levels)[number];

/**
 * Writes failures as ERROR, what the operator should know as WARN, who changed what as INFO, and what happens in each
 * turn as DEBUG.
 * @param level the least that is written: `POWERTOOLS_LOG_LEVEL`, which the logger itself does not look at where Lambda has
 *   a level of its own, as it must for the metrics. @see Lambda's advanced logging controls
 */
export function cloudLogs(logger: Logger, level = 'INFO'): Logs {
  const least = levels.indexOf(level as Level);
  const isWritten = (one: Level) => levels.indexOf(one) >= least;
  return {
    log(event, details, error) {
      if (error) logger.error(event, { ...details, error: faceOf(error) });
      else if (isWritten('WARN')) logger.warn(event, details);
    },
    audit(event, details) {
      if (isWritten('INFO')) logger.info(event, details);
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

function faceOf(error: BrokerError): object {
  const { code, message, stack } = error;
  const cause = loggedCause(error);
  return { code, message, stack, ...(cause && { cause }) };
}
