import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { describe } from 'vitest';
import { apiGatewayPush } from '../../lib/gateway/api-gateway.ts';

const { CIRRUSMQ_URL, CIRRUSMQ_WEBSOCKET_URL, AWS_ENDPOINT_URL, CONNECTIONS_ENDPOINT } = process.env;

/** Where the deployed broker is, and the account that it is in. */
export const deployed = {
  url: CIRRUSMQ_URL ?? '',
  webSocketUrl: CIRRUSMQ_WEBSOCKET_URL ?? '',
  endpoint: AWS_ENDPOINT_URL ?? '',
};

/** Tests of the deployed broker; skipped by name where none could be deployed. */
export function describeDeployed(title: string, tests: () => void): void {
  if (CIRRUSMQ_URL) describe(title, tests);
  else describe.skip(`${title}: SKIPPED, there is no emulator`, tests);
}

const connections = apiGatewayPush({ endpoint: CONNECTIONS_ENDPOINT ?? 'http://none' });

/** Whether the gateway still has a connection. */
export const isOpen = connections.isOpen;

const lambda = new LambdaClient({});
const dynamo = new DynamoDBClient({});

/** The name that the account has for one of the broker's functions. */
async function functionNamed(name: string): Promise<string> {
  const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
  const beginning = `CirrusMQ-Broker${name[0]?.toUpperCase()}${name.slice(1)}Function`;
  const found = Functions.find(({ FunctionName }) => FunctionName?.startsWith(beginning));
  if (!found?.FunctionName) throw new Error(`There is no function ${name}.`);
  return found.FunctionName;
}

/** Invokes a function, and gives what it returned. */
export async function invoke(name: string, event: unknown): Promise<unknown> {
  const FunctionName = await functionNamed(name);
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
  return JSON.parse(Buffer.from(Payload ?? []).toString('utf8') || 'null');
}

export async function tablePrefix(): Promise<string> {
  const { TableNames = [] } = await dynamo.send(new ListTablesCommand({}));
  const directory = TableNames.find((name) => name.endsWith('-directory'));
  if (!directory) throw new Error('There is no directory table.');
  return directory.replace(/-directory$/, '');
}

/** Asks the REST interface, and gives the JSON of its reply. */
export async function rest(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${deployed.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  return { status: response.status, json: text === '' ? undefined : JSON.parse(text) };
}

type Received = { readonly body: string; readonly redelivered: boolean; readonly token: string };

/** What a queue gives within these seconds. */
export async function receive(queue: string, waitSeconds = 0, max = 10): Promise<readonly Received[]> {
  const { json } = await rest('POST', `/v1/queues/${queue}/receive`, { max, waitSeconds });
  return (json as { messages: readonly Received[] }).messages;
}

export async function sendByRest(queue: string, ...bodies: readonly string[]): Promise<void> {
  const { status } = await rest('POST', `/v1/queues/${queue}/messages`, { messages: bodies.map((body) => ({ body })) });
  if (status >= 300) throw new Error(`The send was answered by ${status}.`);
}
