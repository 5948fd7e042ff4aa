import type { Prng } from '../simulation/prng.ts';
import { damaged, randomBytes } from './damage.ts';

/** What a session sends, in the pieces in which it sends it. */
export type Utterance = { readonly kind: string; readonly pieces: readonly Buffer[] };

const QUEUES = ['/queue/fuzz.a', '/queue/fuzz.b', 'fuzz.a', '/topic/t', '/temp-queue/x', '/queue/'] as const;
const MODES = ['auto', 'client', 'client-individual'] as const;
const VALUES = [
  '',
  '0',
  '-1',
  '4',
  '99999999999999999999',
  '1e308',
  'NaN',
  'true',
  'a\\nb',
  '\\c\\\\',
  'ü',
  '\ud83d\ude00',
] as const;
const HEADERS = [
  'receipt',
  'expires',
  'priority',
  'persistent',
  'content-type',
  'reply-to',
  'prefetch-count',
  'activemq.prefetchSize',
  'transaction',
  'selector',
  'ack',
  'id',
  'message-id',
  'subscription',
  'heart-beat',
  'accept-version',
  'browser',
  'durable',
  'AMQ_SCHEDULED_DELAY',
  '__proto__',
  'constructor',
] as const;

/** Tokens and message ids that other sessions were given. */
export type Loot = { readonly tokens: string[]; readonly ids: string[] };

function frame(command: string, headers: readonly (readonly [string, string])[], body: Buffer | string = ''): Buffer {
  const head = `${command}\n${headers.map(([name, value]) => `${name}:${value}\n`).join('')}\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body), Buffer.of(0)]);
}

function anyFrame(prng: Prng, { tokens, ids }: Loot): Buffer {
  const queue = ['destination', prng.pick(QUEUES)] as const;
  const extra = Array.from({ length: prng.between(0, 2) }, () => [prng.pick(HEADERS), prng.pick(VALUES)] as const);
  const receipt = prng.chance(0.5) ? [['receipt', `r${prng.between(0, 99)}`] as const] : [];
  const token = tokens[prng.between(0, tokens.length - 1)] ?? 'none';
  const messageId = ids[prng.between(0, ids.length - 1)] ?? 'none-0';
  const id = ['id', `s${prng.between(0, 3)}`] as const;
  const body = prng.chance(0.5) ? `text ${prng.between(0, 1e9)}` : randomBytes(prng, prng.between(0, 100));
  switch (prng.between(0, 9)) {
    case 0:
    case 1:
      return frame('SEND', [queue, ...receipt, ...extra, ['content-length', String(Buffer.byteLength(body))]], body);
    case 2:
      return frame('SEND', [queue, ...receipt], 'text');
    case 3:
      return frame('SUBSCRIBE', [queue, id, ['ack', prng.pick(MODES)], ...receipt, ...extra]);
    case 4:
      return frame('ACK', [['id', token], ...receipt, ...extra]);
    case 5:
      return frame('NACK', [['id', token], ['message-id', messageId], ...receipt]);
    case 6:
      return frame('UNSUBSCRIBE', [id, ...receipt]);
    case 7:
      return frame(prng.pick(['BEGIN', 'COMMIT', 'ABORT']), [['transaction', 't'], ...receipt]);
    case 8:
      return frame('ACK', [['message-id', messageId], ['subscription', id[1]], ...receipt]);
    default:
      return prng.chance(0.3) ? frame('DISCONNECT', receipt) : Buffer.from('\n\r\n');
  }
}

function session(prng: Prng, frames: number, loot: Loot): Buffer {
  const version = prng.pick(['1.0', '1.1', '1.2', '1.0,1.1,1.2', '', '2.0']);
  const connect = frame(prng.pick(['CONNECT', 'STOMP']), [
    ['accept-version', version],
    ['host', 'fuzz'],
    ['heart-beat', '0,0'],
  ]);
  return Buffer.concat([connect, ...Array.from({ length: frames }, () => anyFrame(prng, loot))]);
}

function hurt(octets: Buffer, prng: Prng, times: number): Buffer {
  let bytes = octets;
  for (let i = 0; i < times && bytes.length > 0; i++) bytes = damaged(bytes, prng);
  return bytes;
}

function inPieces(octets: Buffer, prng: Prng, most: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const next = at + prng.between(1, most);
    pieces.push(octets.subarray(at, next));
    at = next;
  }
  return pieces;
}

const utterances = {
  'stomp: valid session': (prng: Prng, loot: Loot) => [session(prng, prng.between(1, 12), loot)],
  'stomp: mutated session': (prng: Prng, loot: Loot) => {
    const octets = hurt(session(prng, prng.between(1, 12), loot), prng, prng.between(1, 4));
    return prng.chance(0.5) ? [octets] : inPieces(octets, prng, 200);
  },
  'stomp: random octets': (prng: Prng) => [randomBytes(prng, prng.between(1, 2_000))],
  'stomp: octet by octet': (prng: Prng, loot: Loot) =>
    inPieces(hurt(session(prng, 3, loot), prng, prng.between(0, 1)).subarray(0, 400), prng, 1),
  'stomp: many frames in a chunk': (prng: Prng, loot: Loot) => [session(prng, prng.between(100, 400), loot)],
  'stomp: flood': (prng: Prng, loot: Loot) => {
    const send = frame('SEND', [['destination', '/queue/fuzz.flood']], Buffer.alloc(prng.between(1, 20_000), 'x'));
    return [session(prng, 0, loot), ...Array.from({ length: prng.between(50, 200) }, () => send)];
  },
  'stomp: endless header': (prng: Prng, loot: Loot) => [
    session(prng, 0, loot),
    Buffer.from(`SEND\n${prng.pick(['a', 'a:', 'a:b\n'])}`),
    ...Array.from({ length: 50 }, () => Buffer.alloc(2_000, prng.pick(['y', 'a:b\n']))),
  ],
} satisfies Record<string, (prng: Prng, loot: Loot) => readonly Buffer[]>;

type Kind = keyof typeof utterances;
const usual: readonly [Kind, ...Kind[]] = [
  'stomp: mutated session',
  'stomp: valid session',
  'stomp: random octets',
  'stomp: octet by octet',
];
const costly: readonly [Kind, ...Kind[]] = ['stomp: many frames in a chunk', 'stomp: flood', 'stomp: endless header'];

export function anyUtterance(prng: Prng, loot: Loot): Utterance {
  const kind = prng.chance(0.05) ? prng.pick(costly) : prng.pick(usual);
  return { kind, pieces: utterances[kind](prng, loot) };
}
