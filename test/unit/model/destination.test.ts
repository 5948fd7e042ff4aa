import { describe, expect, it } from 'vitest';
import {
  deadLetterQueueOf,
  formatDestination,
  isDeadLetterQueue,
  parseDestination,
} from '../../../lib/model/destination.ts';
import { localLimits as limits } from '../../../lib/model/limits.ts';

describe('a destination', () => {
  it.each([
    ['/queue/orders', 'queue', 'orders'],
    ['/topic/prices.eu', 'topic', 'prices.eu'],
    ['/temp-queue/x', 'temp-queue', 'x'],
    ['/temp-topic/x', 'temp-topic', 'x'],
    ['orders', 'queue', 'orders'],
    ['orders/eu/2', 'queue', 'orders/eu/2'],
    ['/queue/queue/topic', 'queue', 'queue/topic'],
    ['/queue/a._~!@$()+=;-9', 'queue', 'a._~!@$()+=;-9'],
    ['/queue/grüße', 'queue', 'grüße'],
    ['/queue/日本', 'queue', '日本'],
    ['/queue/हिन्दी', 'queue', 'हिन्दी'],
    ['/topic/ข้อความ', 'topic', 'ข้อความ'],
    ['/queue/caf\u00e9', 'queue', 'caf\u00e9'],
    ['/queue/...', 'queue', '...'],
    ['/queue/Messages', 'queue', 'Messages'],
    ['queue', 'queue', 'queue'],
    [`/queue/${'a'.repeat(244)}`, 'queue', 'a'.repeat(244)],
    ['a'.repeat(244), 'queue', 'a'.repeat(244)],
    [`/queue/DLQ.${'a'.repeat(244)}`, 'queue', `DLQ.${'a'.repeat(244)}`],
    [`/topic/${'a'.repeat(248)}`, 'topic', 'a'.repeat(248)],
  ])('%s is valid', (text, kind, name) => {
    const destination = parseDestination(text, limits);
    expect(destination).toEqual({ kind, name });
    expect(parseDestination(formatDestination(destination), limits)).toEqual(destination);
  });

  it.each<readonly [string, string]>([
    ['', 'the name is empty'],
    ['/queue/', 'the name is empty'],
    ['/topic/', 'the name is empty'],
    ['/', 'begins with none of'],
    ['/queue', 'begins with none of'],
    ['/other/x', 'begins with none of'],
    ['/Queue/x', 'begins with none of'],
    ['//x', 'begins with none of'],
    ['/queue//x', 'a segment of the name is empty'],
    ['/queue/x/', 'a segment of the name is empty'],
    ['x//y', 'a segment of the name is empty'],
    ['/queue/.', '"." or ".."'],
    ['/queue/a/../b', '"." or ".."'],
    ['/queue/messages', '"messages"'],
    ['/queue/a/receive', '"receive"'],
    ...['\\', ':', '?', '%', '&', '"', "'", '<', '[', '{', '|', '^', '`', ' ', '\t', '\n', '\0'].map(
      (character) => [`/queue/a${character}b`, 'holds letters with their marks, digits'] as const,
    ),
    ['/queue/😀', 'holds letters with their marks, digits'],
    [`/queue/${'a'.repeat(245)}`, 'with its prefix it has 252 octets, and may have 251: its dead-letter queue'],
    ['a'.repeat(245), 'with its prefix it has 252 octets, and may have 251: its dead-letter queue'],
    [`/queue/${'ü'.repeat(123)}`, 'with its prefix it has 253 octets, and may have 251'],
    [`DLQ.${'a'.repeat(245)}`, 'with its prefix it has 256 octets, and may have 255.'],
    [`/topic/${'a'.repeat(249)}`, 'with its prefix it has 256 octets, and may have 255.'],
    ['/queue/cafe\u0301', 'NFC'],
    ['\u2126', 'NFC'],
  ])('%j is refused, and the reason named', (text, why) => {
    expect(() => parseDestination(text, limits)).toThrow(
      expect.objectContaining({ code: 'INVALID_DESTINATION', message: expect.stringContaining(why) }),
    );
  });
});

it.each(['/topic/prices.*', '/queue/orders.>', '/topic/prices.#', 'a*'])(
  'that stands for several, as %s does, is told to be unsupported',
  (text) => {
    expect(() => parseDestination(text, limits)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  },
);

it('the dead-letter queue of the longest name is one that every door leads to', () => {
  const { name } = parseDestination(`${'ü'.repeat(122)}`, limits);
  expect(parseDestination(deadLetterQueueOf(name), limits).name).toBe(`DLQ.${name}`);
  expect(() => parseDestination(`${name}a`, limits)).toThrow();
});

it('a dead-letter queue is known by its name', () => {
  expect(deadLetterQueueOf('orders/eu')).toBe('DLQ.orders/eu');
  expect(isDeadLetterQueue(deadLetterQueueOf('orders'))).toBe(true);
  expect(isDeadLetterQueue('orders')).toBe(false);
});
