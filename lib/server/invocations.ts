import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { connectHandler } from '../handlers/connect.ts';
import { disconnectHandler } from '../handlers/disconnect.ts';
import { dispatchHandler } from '../handlers/dispatch.ts';
import type { Environment } from '../handlers/environment.ts';
import type { DispatchEvent, SocketEvent } from '../handlers/events.ts';
import { frameHandler } from '../handlers/frame.ts';
import { type Doors, restHandler } from '../handlers/rest.ts';
import { sweepHandler } from '../handlers/sweep.ts';
import type { Caller } from '../model/caller.ts';

/** The Lambda functions, to be called in this process. */
export type Invocables = {
  readonly connect: (event: SocketEvent) => ReturnType<ReturnType<typeof connectHandler>>;
  readonly frame: (event: SocketEvent) => Promise<unknown>;
  readonly disconnect: (event: SocketEvent) => Promise<unknown>;
  /** `caller` is told to the handler where it is known. */
  readonly rest: (event: APIGatewayProxyEventV2, caller?: Caller) => Promise<APIGatewayProxyStructuredResultV2>;
  readonly dispatch: (event: DispatchEvent) => Promise<unknown>;
  readonly sweep: () => Promise<unknown>;
};

/** There is no Lambda runtime here, and no handler asks for it. */
const noContext = {} as Context;

export function invocablesOf(environment: Environment, doors: Doors): Invocables {
  const [connect, frame, disconnect] = [
    connectHandler(environment),
    frameHandler(environment),
    disconnectHandler(environment),
  ];
  const [rest, dispatch, sweep] = [
    restHandler(environment, doors),
    dispatchHandler(environment),
    sweepHandler(environment),
  ];
  return {
    connect: (event) => connect(event, noContext),
    frame: (event) => frame(event, noContext),
    disconnect: (event) => disconnect(event, noContext),
    rest: (event, caller) => rest(event, { ...noContext, caller } as Context),
    dispatch: (event) => dispatch(event, noContext),
    sweep: () => sweep(undefined, noContext),
  };
}
