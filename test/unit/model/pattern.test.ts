import { describe, expect, it } from 'vitest';
import { parsePattern } from '../../../lib/model/pattern.ts';

describe('a pattern', () => {
  it.each([
    ['/queue/orders', '/queue/orders'],
    ['/queue/orders.*', '/queue/orders.eu'],
    ['/queue/*/new', '/queue/orders/new'],
    ['/queue/orders.>', '/queue/orders.eu.west/x'],
    ['/topic/>', '/topic/prices'],
    ['>', '/queue/anything.at/all'],
    ['/queue/a+b$(c)', '/queue/a+b$(c)'],
    ['/queue/हिन्दी.*', '/queue/हिन्दी.नया'],
  ])('%s means %s', (pattern, destination) => {
    expect(parsePattern(pattern).matches(destination)).toBe(true);
  });

  it.each([
    ['/queue/orders', '/queue/orders2'],
    ['/queue/orders', '/topic/orders'],
    ['/queue/orders.*', '/queue/orders'],
    ['/queue/orders.*', '/queue/orders.eu.west'],
    ['/queue/orders.>', '/queue/orders'],
    ['/queue/orders.>', '/queue/orders2.eu'],
    ['/queue/a.b', '/queue/axb'],
    ['/queue/*', '/queue/orders/new'],
  ])('%s does not mean %s', (pattern, destination) => {
    expect(parsePattern(pattern).matches(destination)).toBe(false);
  });

  it.each(['', '/queue//x', '/queue/or*', '/queue/>/x', '/queue/a b', '/queue/'])('"%s" is refused by name', (text) => {
    expect(() => parsePattern(text)).toThrow(/pattern/);
  });

  it('that is not in NFC, and could mean no destination, is refused', () => {
    expect(() => parsePattern('/queue/cafe\u0301')).toThrow('NFC');
  });

  it.each(['orders', 'orders.>', '*', '*.orders', '.orders'])(
    '"%s", which can mean no destination, is refused',
    (text) => {
      expect(() => parsePattern(text)).toThrow('begins with /queue/ or /topic/');
    },
  );
});
