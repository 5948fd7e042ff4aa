import type { Command } from 'commander';
import { localLimits } from '../model/limits.ts';
import type { Failure } from '../rest/failures.ts';
import type { ReceivedMessage } from '../rest/message-schema.ts';
import { CommandFailure, exitCodes } from './exit.ts';
import { type BrokerOptions, queueName, seconds, wholeNumber, withBrokerOptions } from './options.ts';
import { printBodies, printJsonLines } from './output.ts';
import { pathOf, RestClient } from './rest-client.ts';

type ReceiveOptions = BrokerOptions & {
  readonly max: number;
  readonly wait: number;
  readonly visibility: number;
  readonly ack: boolean;
};

/** What any broker gives in one request. */
const REQUEST_MESSAGES = 100;
const REQUEST_WAIT_SECONDS = localLimits.waitMs / 1000;

/** Adds `cirrusmq receive`. */
export function addReceive(program: Command): void {
  const command = program
    .command('receive')
    .summary('take messages from a queue and print them')
    .description(
      'Takes messages, prints their bodies, acknowledges what it has printed, and gives back what it has not. ' +
        'A single body is printed as it is; ' +
        'with --max above 1, or to a terminal, a line end follows each.',
    )
    .argument('<queue>', 'e.g. orders', queueName)
    .option('--max <n>', 'the most messages to take', wholeNumber(1, Number.MAX_SAFE_INTEGER), 1)
    .option('--wait <s>', 'seconds to wait for the first message', seconds, 0)
    .option(
      '--visibility <s>',
      'seconds after which what is not acknowledged is ready again',
      wholeNumber(0, localLimits.visibilityMaxMs / 1000),
      localLimits.visibilityMs / 1000,
    )
    .option('--no-ack', 'leave the messages unacknowledged; --json shows their tokens');
  withBrokerOptions(command).action(receive);
}

async function receive(queue: string, options: ReceiveOptions): Promise<void> {
  const client = new RestClient(options);
  const giveUpAt = performance.now() + options.wait * 1000;
  let received = 0;
  while (received < options.max) {
    const left = received > 0 ? 0 : Math.max(0, giveUpAt - performance.now()) / 1000;
    const messages = await take(client, queue, options, options.max - received, left);
    if (messages.length === 0 && left <= REQUEST_WAIT_SECONDS) break;
    if (messages.length === 0) continue;
    await show(client, messages, options);
    received += messages.length;
  }
  if (received === 0) process.exitCode = exitCodes.nothingReceived;
}

async function take(
  client: RestClient,
  queue: string,
  { visibility }: ReceiveOptions,
  max: number,
  left: number,
): Promise<readonly ReceivedMessage[]> {
  const waitSeconds = Math.min(left, REQUEST_WAIT_SECONDS);
  const pull = { max: Math.min(max, REQUEST_MESSAGES), waitSeconds, visibilitySeconds: visibility };
  type Reply = { readonly messages: readonly ReceivedMessage[] };
  const { messages } = await client.call<Reply>('POST', `${pathOf(queue)}/receive`, pull, waitSeconds * 1000);
  return messages;
}

/** What was printed is acknowledged; where nobody reads on, the rest is given back at once. */
async function show(client: RestClient, messages: readonly ReceivedMessage[], options: ReceiveOptions): Promise<void> {
  let printed = 0;
  try {
    for (const message of messages) {
      await showOne(message, options);
      printed++;
    }
  } finally {
    if (options.ack) await settle(client, 'acknowledge', messages.slice(0, printed));
    await settle(client, 'reject', messages.slice(printed));
  }
}

async function showOne(message: ReceivedMessage, { json, max }: ReceiveOptions): Promise<void> {
  if (json) await printJsonLines([message]);
  else await printBodies([message], max > 1 || process.stdout.isTTY);
}

async function settle(
  client: RestClient,
  verb: 'acknowledge' | 'reject',
  messages: readonly ReceivedMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  const tokens = messages.map((message) => message.token);
  type Reply = { readonly results: readonly { readonly error?: Failure }[] };
  const { results } = await client.call<Reply>('POST', `/v1/deliveries/${verb}`, { tokens });
  const error = results.find((result) => result.error)?.error;
  if (error) throw new CommandFailure(`${error.code}: ${error.message}`);
}
