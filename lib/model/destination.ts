import { BrokerError } from './errors.ts';
import type { Limits } from './limits.ts';

/** Where a message is sent to or consumed from. `name` bears no prefix: `orders/eu` of `/queue/orders/eu`. */
export type Destination = { readonly kind: 'queue' | 'topic' | 'temp-queue' | 'temp-topic'; readonly name: string };

const prefixes = [
  ['/queue/', 'queue'],
  ['/topic/', 'topic'],
  ['/temp-queue/', 'temp-queue'],
  ['/temp-topic/', 'temp-topic'],
] as const;

/** Letters, digits and what brokers commonly allow; never a backslash, a colon, a comma or a wildcard. */
const segment = /^[\p{L}\p{N}._~!@$()+=;-]+$/u;
/** Segments that are verbs of the REST paths, so that `/v1/queues/{name}/receive` is never ambiguous. */
const reserved = new Set(['messages', 'receive']);

/**
 * Reads a destination as clients write it: `/queue/a/b`, `/topic/prices`, `/temp-queue/x`; a bare name is a queue.
 * @throws BrokerError INVALID_DESTINATION, naming what is wrong and what is allowed.
 */
export function parseDestination(text: string, limits: Limits): Destination {
  const found = prefixes.find(([prefix]) => text.startsWith(prefix));
  if (!found && text.startsWith('/')) {
    throw invalid(text, 'it begins with none of /queue/, /topic/, /temp-queue/ and /temp-topic/');
  }
  const name = found ? text.slice(found[0].length) : text;
  checkName(text, name, limits);
  return { kind: found?.[1] ?? 'queue', name };
}

function checkName(text: string, name: string, limits: Limits): void {
  if (Buffer.byteLength(text) > limits.destinationBytes) {
    throw invalid(text.slice(0, 64), `it is longer than ${limits.destinationBytes} octets`);
  }
  if (name === '') throw invalid(text, 'the name is empty');
  for (const part of name.split('/')) {
    if (part === '') throw invalid(text, 'a segment of the name is empty');
    if (reserved.has(part)) throw invalid(text, `no segment of a name may be "${part}"`);
    if (part === '.' || part === '..') throw invalid(text, 'no segment of a name may be "." or ".."');
    if (!segment.test(part)) {
      throw invalid(text, 'a name holds letters, digits and . _ ~ ! @ $ ( ) + = ; - in segments separated by /');
    }
  }
}

function invalid(text: string, why: string): BrokerError {
  return new BrokerError('INVALID_DESTINATION', `The destination "${text}" is not valid: ${why}.`, {
    details: { destination: text },
  });
}

/** The canonical text of a destination, e.g. `/queue/orders`. */
export function formatDestination(destination: Destination): string {
  return `/${destination.kind}/${destination.name}`;
}

/** Reads what `formatDestination` wrote. */
export function readDestination(formatted: string): Destination {
  const [prefix, kind] = prefixes.find(([start]) => formatted.startsWith(start)) ?? ['', 'queue'];
  return { kind, name: formatted.slice(prefix.length) };
}

const deadLetterPrefix = 'DLQ.';

/** What lies in a dead-letter queue is not dead-lettered again. */
export function isDeadLetterQueue(queue: string): boolean {
  return queue.startsWith(deadLetterPrefix);
}

/** The queue that takes what could not be delivered from `queue`; both are names without a prefix. */
export function deadLetterQueueOf(queue: string): string {
  return `${deadLetterPrefix}${queue}`;
}

/** The destination whose dead letters go to this one; a destination that is no dead-letter queue is its own. */
export function deadLetterSource(destination: string): string {
  const dead = `/queue/${deadLetterPrefix}`;
  return destination.startsWith(dead) ? `/queue/${destination.slice(dead.length)}` : destination;
}
