import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { connectHandler } from '../handlers/connect.ts';
import { disconnectHandler } from '../handlers/disconnect.ts';
import { dispatchHandler } from '../handlers/dispatch.ts';
import type { DispatchEvent, SocketEvent } from '../handlers/events.ts';
import { frameHandler } from '../handlers/frame.ts';
import type { Bench } from '../handlers/parts.ts';
import { type Doors, restHandler } from '../handlers/rest.ts';
import { sweepHandler } from '../handlers/sweep.ts';

/** The Lambda functions, to be called in this process. */
export type Functions = {
  readonly connect: (event: SocketEvent) => ReturnType<ReturnType<typeof connectHandler>>;
  readonly frame: (event: SocketEvent) => Promise<unknown>;
  readonly disconnect: (event: SocketEvent) => Promise<unknown>;
  readonly rest: (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;
  readonly dispatch: (event: DispatchEvent) => Promise<unknown>;
  readonly sweep: () => Promise<unknown>;
};

/** There is no Lambda runtime here, and no handler asks for it. */
const noContext = {} as Context;

export function functionsOf(bench: Bench, doors: Doors): Functions {
  const [connect, frame, disconnect] = [connectHandler(bench), frameHandler(bench), disconnectHandler(bench)];
  const [rest, dispatch, sweep] = [restHandler(bench, doors), dispatchHandler(bench), sweepHandler(bench)];
  return {
    connect: (event) => connect(event, noContext),
    frame: (event) => frame(event, noContext),
    disconnect: (event) => disconnect(event, noContext),
    rest: (event) => rest(event, noContext),
    dispatch: (event) => dispatch(event, noContext),
    sweep: () => sweep(undefined, noContext),
  };
}
