import { Duration } from 'aws-cdk-lib';
import { RecursiveLoop } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { BrokerFunction } from './broker-function.ts';
import type { FunctionName } from './bundle.ts';
import type { CirrusBrokerProps } from './options.ts';

export type BrokerFunctions = Readonly<Record<FunctionName, BrokerFunction>>;

/** A client waits: this much makes a start short. Less is a smaller share of a core, for the same work. */
const WAITED_FOR_MB = 1024;
/** Nobody waits, and most of the time goes by waiting for DynamoDB. */
const UNWATCHED_MB = 512;

/** What API Gateway waits for: 29 s of a socket's frame, 30 of a request. */
const ANSWER = Duration.seconds(29);

/** Asleep for a minute at most, then 16 turns, each within a lease of 5 s, but for a large audience's. */
const DISPATCH = Duration.seconds(60 + 16 * 5 + 10);

/** Makes the functions, which all are told the same. None of them may do anything yet. */
export function brokerFunctions(
  scope: Construct,
  props: CirrusBrokerProps,
  told: Readonly<Record<string, string>>,
): BrokerFunctions {
  const dispatch = new BrokerFunction(scope, 'dispatch', props, {
    description: 'Goes on with a shard that another invocation handed over.',
    environment: told,
    memorySize: UNWATCHED_MB,
    timeout: DISPATCH,
    // A busy shard is handed on and on; the handler counts how often, and lets it go in time.
    recursiveLoop: RecursiveLoop.ALLOW,
    ...(props.dispatchConcurrency !== undefined && { reservedConcurrentExecutions: props.dispatchConcurrency }),
  });
  const environment = { ...told, DISPATCH_FUNCTION: dispatch.function.functionName };
  const waitedFor = { memorySize: WAITED_FOR_MB, timeout: ANSWER };
  return {
    dispatch,
    connect: new BrokerFunction(scope, 'connect', props, {
      ...waitedFor,
      description: 'Says who may connect, and takes a WebSocket connection.',
      environment,
    }),
    frame: new BrokerFunction(scope, 'frame', props, {
      ...waitedFor,
      description: 'Takes STOMP frames.',
      environment,
    }),
    disconnect: new BrokerFunction(scope, 'disconnect', props, {
      description: 'Takes out the consumers of a connection that is gone.',
      environment,
      memorySize: UNWATCHED_MB,
      timeout: ANSWER,
    }),
    rest: new BrokerFunction(scope, 'rest', props, {
      ...waitedFor,
      description: 'Takes REST requests.',
      environment: { ...environment, ALLOWED_ORIGINS: (props.allowedOrigins ?? []).join(',') },
    }),
    sweep: new BrokerFunction(scope, 'sweep', props, {
      description: 'Finds, once a minute, what a crash or a lost wake-up left undone.',
      environment,
      memorySize: UNWATCHED_MB,
      // It may take longer than a minute: two that run at a time do each other no harm.
      timeout: Duration.minutes(5),
    }),
  };
}
