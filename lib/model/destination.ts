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

const deadLetterPrefix = 'DLQ.';

/**
 * Letters of every script, with their marks, digits and what brokers commonly allow; never a backslash, a colon, a comma
 * or a wildcard.
 */
const segment = /^[\p{L}\p{M}\p{N}._~!@$()+=;-]+$/u;
/** What stands for several names at once. @see ActiveMQ: wildcards; RabbitMQ: topic exchanges */
const wildcards = /[*>#]/;
/** Segments that are verbs of the REST paths, so that `/v1/queues/{name}/receive` is never ambiguous. */
const reserved = new Set(['messages', 'receive']);

/**
 * Reads a destination as clients write it: `/queue/a/b`, `/topic/prices`, `/temp-queue/x`; a bare name is a queue.
 * @throws BrokerError INVALID_DESTINATION, naming what is wrong and what is allowed; NOT_SUPPORTED for a wildcard.
 */
export function parseDestination(text: string, limits: Limits): Destination {
  const found = prefixes.find(([prefix]) => text.startsWith(prefix));
  if (!found && text.startsWith('/')) {
    throw invalid(text, 'it begins with none of /queue/, /topic/, /temp-queue/ and /temp-topic/');
  }
  const name = found ? text.slice(found[0].length) : text;
  const destination: Destination = { kind: found?.[1] ?? 'queue', name };
  checkLength(destination, limits);
  checkName(text, name);
  return destination;
}

/**
 * The same, of a queue or a topic: what can be sent to and subscribed to.
 * @throws BrokerError as `parseDestination` does; NOT_SUPPORTED for another kind
 */
export function parseQueueOrTopic(text: string, limits: Limits): Destination {
  const destination = parseDestination(text, limits);
  if (destination.kind === 'queue' || destination.kind === 'topic') return destination;
  const message = `Destinations of the kind /${destination.kind}/ are not supported; /queue/{name} and /topic/{name} are.`;
  throw new BrokerError('NOT_SUPPORTED', message);
}

/** Measured with its prefix, whether that was written or not. The name of a queue leaves room for that of its dead letters. */
function checkLength(destination: Destination, { destinationBytes }: Limits): void {
  const formatted = formatDestination(destination);
  const sizeBytes = Buffer.byteLength(formatted);
  const leavesRoom = destination.kind === 'queue' && !isDeadLetterQueue(destination.name);
  const most = destinationBytes - (leavesRoom ? deadLetterPrefix.length : 0);
  if (sizeBytes <= most) return;
  const why = `with its prefix it has ${sizeBytes} octets, and may have ${most}`;
  const room = `: its dead-letter queue, of ${deadLetterPrefix.length} more, has ${destinationBytes}`;
  throw invalid(`${formatted.slice(0, 64)}…`, leavesRoom ? why + room : why);
}

function checkName(text: string, name: string): void {
  if (name === '') throw invalid(text, 'the name is empty');
  if (wildcards.test(name)) throw unsupported(text);
  // Two that look alike would be two queues, by the machine that wrote them.
  if (name !== name.normalize('NFC')) {
    throw invalid(text, 'the name is not in the Unicode normalisation form NFC, which it must be written in');
  }
  for (const part of name.split('/')) {
    if (part === '') throw invalid(text, 'a segment of the name is empty');
    if (reserved.has(part)) throw invalid(text, `no segment of a name may be "${part}"`);
    if (part === '.' || part === '..') throw invalid(text, 'no segment of a name may be "." or ".."');
    if (!segment.test(part)) {
      throw invalid(
        text,
        'a name holds letters with their marks, digits and . _ ~ ! @ $ ( ) + = ; - in segments separated by /',
      );
    }
  }
}

function invalid(text: string, why: string): BrokerError {
  return new BrokerError('INVALID_DESTINATION', `The destination "${text}" is not valid: ${why}.`, {
    details: { destination: text },
  });
}

function unsupported(text: string): BrokerError {
  const message = `The destination "${text}" is not supported: wildcards (* > #) are not.`;
  return new BrokerError('NOT_SUPPORTED', message, { details: { destination: text } });
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
