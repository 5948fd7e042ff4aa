import { expect, it } from 'vitest';
import { decodeToken, encodeToken, type Token } from '../../../lib/shard/codec/token.ts';

const plain: Token = {
  shard: '/queue/orders',
  incarnation: 'a-_9Zz',
  sequence: 1,
  attempt: 1,
  backlog: false,
  cumulative: false,
};

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ .\u{e9}';

it.each<Partial<Token>>([
  {},
  { backlog: true },
  { cumulative: true },
  { backlog: true, cumulative: true },
  { sequence: 2 ** 48 - 1, attempt: 2 ** 32 - 1 },
  { shard: '/queue/grüße/日本' },
  { incarnation: '' },
])('a token is read as it was written: %o', (part) => {
  expect(decodeToken(encodeToken({ ...plain, ...part }))).toEqual({ ...plain, ...part });
});

it('a token with any one character changed, left out or added is refused', () => {
  const text = encodeToken(plain);
  const refuse = (changed: string) =>
    expect(() => decodeToken(changed), changed).toThrow(expect.objectContaining({ code: 'INVALID_TOKEN' }));
  for (let at = 0; at <= text.length; at++) {
    for (const character of alphabet) {
      if (character !== text[at] && at < text.length) refuse(text.slice(0, at) + character + text.slice(at + 1));
      refuse(text.slice(0, at) + character + text.slice(at));
    }
    if (at < text.length) refuse(text.slice(0, at) + text.slice(at + 1));
  }
});

it.each(['', 'x', 'AQ', 'A'.repeat(400), '\0', '1', 'undefined'])('"%s" is refused', (text) => {
  expect(() => decodeToken(text)).toThrow(expect.objectContaining({ code: 'INVALID_TOKEN' }));
});

it('a refusal repeats no more than the beginning of what was given', () => {
  expect(() => decodeToken('x'.repeat(10_000))).toThrow(/^.{0,300}$/);
});
