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
    ['/queue/...', 'queue', '...'],
    ['/queue/Messages', 'queue', 'Messages'],
    ['queue', 'queue', 'queue'],
    [`/queue/${'a'.repeat(248)}`, 'queue', 'a'.repeat(248)],
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
    ...[
      '\\',
      ':',
      ',',
      '*',
      '>',
      '#',
      '?',
      '%',
      '&',
      '"',
      "'",
      '<',
      '[',
      '{',
      '|',
      '^',
      '`',
      ' ',
      '\t',
      '\n',
      '\0',
    ].map((character) => [`/queue/a${character}b`, 'holds letters, digits'] as const),
    ['/queue/😀', 'holds letters, digits'],
    [`/queue/${'a'.repeat(249)}`, 'longer than 255 octets'],
    [`/queue/${'ü'.repeat(125)}`, 'longer than 255 octets'],
  ])('%j is refused, and the reason named', (text, why) => {
    expect(() => parseDestination(text, limits)).toThrow(
      expect.objectContaining({ code: 'INVALID_DESTINATION', message: expect.stringContaining(why) }),
    );
  });
});

it('a dead-letter queue is known by its name', () => {
  expect(deadLetterQueueOf('orders/eu')).toBe('DLQ.orders/eu');
  expect(isDeadLetterQueue(deadLetterQueueOf('orders'))).toBe(true);
  expect(isDeadLetterQueue('orders')).toBe(false);
});
