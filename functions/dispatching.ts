import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { KeptSockets } from '../lib/gateway/kept-sockets.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';

const sockets = new KeptSockets();
const lambda = new LambdaClient({ requestHandler: sockets.requestHandler });

/** Invokes the function of this name, and does not wait for it. */
export async function invokeDispatch(FunctionName: string, event: DispatchEvent): Promise<void> {
  sockets.prepare();
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload: JSON.stringify(event) }));
}
