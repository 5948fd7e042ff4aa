import { describe } from 'vitest';
import { apiGatewayPush } from '../../lib/gateway/api-gateway.ts';
import { invokeFunction } from './functions.ts';

const { CIRRUSMQ_URL, CIRRUSMQ_WEBSOCKET_URL, TABLE_PREFIX, AWS_ENDPOINT_URL, CONNECTIONS_ENDPOINT } = process.env;

/** Where the deployed broker is, and the account that it is in. */
export const deployed = {
  url: CIRRUSMQ_URL ?? '',
  webSocketUrl: CIRRUSMQ_WEBSOCKET_URL ?? '',
  tablePrefix: TABLE_PREFIX ?? '',
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

/** Invokes a function of the open broker, and gives what it returned. */
export async function invoke(name: string, event: unknown): Promise<unknown> {
  const invoked = await invokeFunction('CirrusMQ', name, event);
  if (invoked.kind === 'failed') throw new Error(`The function ${name} failed: ${invoked.message}`);
  return invoked.answer;
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
