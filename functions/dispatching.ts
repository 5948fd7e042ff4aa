import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { DispatchEvent } from '../lib/handlers/events.ts';

const lambda = new LambdaClient({});

/** Invokes the function of this name, and does not wait for it. */
export async function invokeDispatch(FunctionName: string, event: DispatchEvent): Promise<void> {
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload: JSON.stringify(event) }));
}
