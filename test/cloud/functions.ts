import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import type { StackName } from './deploy.ts';

/** What a function answered, or the message that it failed with. */
export type Invoked =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly message: string };

/** Invokes a function of a stack's broker, by its name in `functions/`. */
export async function invokeFunction(stack: StackName, name: string, event: unknown): Promise<Invoked> {
  const lambda = new LambdaClient({});
  const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
  const beginning = `${stack}-Broker${name[0]?.toUpperCase()}${name.slice(1)}Function`;
  const FunctionName = Functions.find((one) => one.FunctionName?.startsWith(beginning))?.FunctionName;
  if (!FunctionName) throw new Error(`There is no function ${name} of ${stack}.`);
  const { Payload, FunctionError } = await lambda.send(
    new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
  );
  lambda.destroy();
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString('utf8') || 'null');
  if (!FunctionError) return { kind: 'answered', answer };
  return { kind: 'failed', message: (answer as { errorMessage?: string }).errorMessage ?? FunctionError };
}
