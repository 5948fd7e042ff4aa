import { type Command, InvalidArgumentError } from 'commander';
import type { Failure } from '../rest/failures.ts';
import type { SentMessage } from '../rest/message-schema.ts';
import { CommandFailure } from './exit.ts';
import { messagesOf, type Source } from './input.ts';
import { type BrokerOptions, queueName, wholeNumber, withBrokerOptions } from './options.ts';
import { print, printJsonLines } from './output.ts';
import { pathOf, RestClient } from './rest-client.ts';

type SendOptions = BrokerOptions & {
  readonly body?: string;
  readonly file?: readonly string[];
  readonly lines: boolean;
  readonly header?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly type?: string;
  readonly replyTo?: string;
  readonly correlationId?: string;
  readonly priority?: number;
  readonly timeToLive?: number;
  readonly persistent: boolean;
};

type Results = { readonly results: readonly ({ readonly messageId: string } | { readonly error: Failure })[] };

/** One request holds at most this many messages and, unless it is one alone, characters of bodies. */
const BATCH_MESSAGES = 100;
const BATCH_CHARACTERS = 256 * 1024;

/** Adds `cirrusmq send`. */
export function addSend(program: Command): void {
  const command = program
    .command('send')
    .summary('send messages to a queue')
    .description(
      'Sends the text, each file, or standard input as a message, and prints message ids. Octets that are no UTF-8 ' +
        'are sent as they are. With --json and no text and no file, each line of standard input is a message as JSON, ' +
        'as receive and browse print it: {"body": "...", "headers": {...}, "priority": 4}.',
    )
    .argument('<queue>', 'e.g. orders', queueName)
    .argument('[text...]', 'the body; words are joined by spaces')
    .option('--body <text>', 'the body, where it is empty or begins with a hyphen')
    .option('--file <path...>', 'send each file as a message')
    .option('--lines', 'send each line of standard input as a message', false)
    .option('--header <name=value>', 'a custom header; may be repeated', collectHeader)
    .option('--content-type <type>', "the body's media type")
    .option('--type <name>', "the application's name for messages of this kind")
    .option('--reply-to <destination>', 'where a reply is expected')
    .option('--correlation-id <id>', 'what a reply refers to')
    .option('--priority <0-9>', 'advisory', wholeNumber(0, 9))
    .option('--time-to-live <ms>', 'expire after this many milliseconds', wholeNumber(0, 1e13))
    .option('--no-persistent', 'let messages be lost in a crash');
  withBrokerOptions(command).action((queue: string, words: readonly string[], options: SendOptions) =>
    send(queue, sourceOf(command, words, options), options),
  );
}

function collectHeader(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function sourceOf(command: Command, words: readonly string[], { body, file, lines, json }: SendOptions): Source {
  if ([words.length > 0, body !== undefined, file !== undefined, lines].filter(Boolean).length > 1) {
    command.error('error: give a text, or --body, or --file, or --lines, and not several of them');
  }
  if (words.length > 0) return { kind: 'text', text: words.join(' ') };
  if (body !== undefined) return { kind: 'text', text: body };
  if (file) return { kind: 'files', paths: file };
  if (process.stdin.isTTY) command.error('error: give a text, --file, or something on standard input');
  if (lines) return { kind: 'lines' };
  return { kind: json ? 'json' : 'stdin' };
}

async function send(queue: string, source: Source, options: SendOptions): Promise<void> {
  const client = new RestClient(options);
  let sent = 0;
  let refused = 0;
  for await (const messages of batchesOf(messagesOf(source, process.stdin), options)) {
    const { results } = await client.call<Results>('POST', `${pathOf(queue)}/messages`, { messages });
    results.forEach((result, i) => {
      if (!('error' in result)) return;
      refused += 1;
      const { code, message } = result.error;
      process.stderr.write(`cirrusmq: message ${sent + i + 1}: ${code}: ${message}\n`);
    });
    const ids = results.flatMap((result) => ('error' in result ? [] : `${result.messageId}\n`));
    await (options.json ? printJsonLines(results) : print(ids.join('')));
    sent += results.length;
  }
  if (refused > 0) throw new CommandFailure(`${refused} of ${sent} messages were refused.`);
}

/** Messages in their order, so many to a request that a long input takes few, and no request grows large. */
async function* batchesOf(messages: AsyncIterable<SentMessage>, options: SendOptions): AsyncGenerator<SentMessage[]> {
  let batch: SentMessage[] = [];
  let characters = 0;
  for await (const message of messages) {
    const { length } = String(message.body);
    if (batch.length === BATCH_MESSAGES || (batch.length > 0 && characters + length > BATCH_CHARACTERS)) {
      yield batch;
      batch = [];
      characters = 0;
    }
    batch.push(withOptions(message, options));
    characters += length;
  }
  if (batch.length > 0) yield batch;
}

/** What a message says of itself counts. */
function withOptions(message: SentMessage, options: SendOptions): SentMessage {
  const { contentType, type, replyTo, correlationId, priority, timeToLive } = options;
  const headers = { ...options.header, ...message.headers };
  const given: Partial<SentMessage> = { contentType, type, replyTo, correlationId, priority };
  if (message.expires === undefined) given.timeToLiveMs = timeToLive;
  if (!options.persistent) given.persistent = false;
  if (Object.keys(headers).length > 0) given.headers = headers;
  return { ...given, ...message, ...(given.headers ? { headers } : {}) };
}
