import { describe, expect, it } from 'vitest';
import { Grants } from '../../../lib/access/grants.ts';
import { allows, parseRule, RULES_MAX, rulesInClaim } from '../../../lib/access/rules.ts';

function rulesOf(...texts: string[]) {
  return texts.map(parseRule);
}

describe('a rule', () => {
  it('gives its rights to what its pattern means, and to nothing else', () => {
    const rules = rulesOf('read,write:/queue/orders.>', 'read:/topic/prices.*');
    expect(allows(rules, 'read', '/queue/orders.eu')).toBe(true);
    expect(allows(rules, 'write', '/queue/orders.eu.north')).toBe(true);
    expect(allows(rules, 'admin', '/queue/orders.eu')).toBe(false);
    expect(allows(rules, 'read', '/queue/orders')).toBe(false);
    expect(allows(rules, 'read', '/queue/other')).toBe(false);
    expect(allows(rules, 'read', '/topic/prices.eu')).toBe(true);
    expect(allows(rules, 'write', '/topic/prices.eu')).toBe(false);
    expect(allows([], 'read', '/queue/orders.eu')).toBe(false);
  });

  it('for a queue is none for its dead-letter queue', () => {
    expect(allows(rulesOf('read:/queue/orders'), 'read', '/queue/DLQ.orders')).toBe(false);
    expect(allows(rulesOf('read:/queue/*'), 'read', '/queue/DLQ.orders')).toBe(false);
    expect(allows(rulesOf('read:/queue/DLQ.>'), 'read', '/queue/DLQ.orders')).toBe(true);
  });

  it.each([
    ['', 'rights and a pattern'],
    ['read', 'rights and a pattern'],
    ['/queue/orders', 'rights and a pattern'],
    ['own:/queue/orders', 'read, write, admin'],
    ['read,:/queue/orders', 'read, write, admin'],
    ['read:', 'pattern'],
    ['read:/queue/a*', 'pattern'],
    ['read:/queue/>.a', 'pattern'],
    [`read:/queue/${'a'.repeat(600)}`, '512 octets'],
  ])('that is none is refused with what is allowed: %j', (text, says) => {
    expect(() => parseRule(text)).toThrow(says);
  });
});

describe('the rules in a claim', () => {
  it('are a list or a text, in which other words allow nothing', () => {
    expect(rulesInClaim(['read:/queue/a', 'email', 7, 'write:>'])).toEqual(['read:/queue/a', 'write:>']);
    expect(rulesInClaim('openid read:/queue/a  profile write:b* read:user')).toEqual(['read:/queue/a']);
    for (const none of [undefined, null, 7, {}, [], '']) expect(rulesInClaim(none)).toEqual([]);
  });

  it('are at most so many', () => {
    const rules = Array.from({ length: RULES_MAX + 1 }, (_, i) => `read:/queue/${i}`);
    expect(() => rulesInClaim(rules)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
  });
});

describe('the management of users', () => {
  it('needs the right to everything there is', () => {
    expect(() => new Grants(rulesOf('read,write,admin:>')).demandUserManagement()).not.toThrow();
    for (const rule of ['read,write:>', 'admin:/queue/>', 'admin:/>']) {
      expect(() => new Grants(rulesOf(rule)).demandUserManagement()).toThrow('admin:>');
    }
  });
});
