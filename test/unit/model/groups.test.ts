import { describe, expect, it } from 'vitest';
import { groupDestinations, readGroups } from '../../../lib/model/groups.ts';

describe('destination groups', () => {
  const { names, groupOf } = groupDestinations([
    { name: 'orders', destinations: ['/queue/orders.>', '/queue/invoices'] },
    { name: 'eu', destinations: ['/queue/orders.eu', '/topic/prices.eu.>'] },
  ]);

  it('are those that are named, and the default', () => {
    expect(names).toEqual(['default', 'orders', 'eu']);
  });

  it.each([
    ['/queue/orders.us', 'orders'],
    ['/queue/invoices', 'orders'],
    ['/topic/prices.eu.wheat', 'eu'],
    ['/queue/other', 'default'],
    ['/queue/orders', 'default'],
  ])('%s belongs to %s', (shard, group) => {
    expect(groupOf(shard)).toBe(group);
  });

  it('have a destination that several match in the first of them', () => {
    expect(groupOf('/queue/orders.eu')).toBe('orders');
  });

  it('have a dead-letter queue where its queue is', () => {
    expect(groupOf('/queue/DLQ.invoices')).toBe('orders');
    expect(groupOf('/queue/DLQ.other')).toBe('default');
  });

  it('that are being given up keep their table, and take nothing new', () => {
    const { names, groupOf } = groupDestinations([{ name: 'old', destinations: [] }]);
    expect(names).toEqual(['default', 'old']);
    expect(groupOf('/queue/old')).toBe('default');
  });

  it.each([
    [[{ name: 'Orders', destinations: ['/queue/a'] }], '"Orders" is not valid: its name'],
    [[{ name: '', destinations: ['/queue/a'] }], '"" is not valid: its name'],
    [[{ name: 'default', destinations: ['/queue/a'] }], '"default" is not valid: there is one'],
    [[{ name: 'a', destinations: ['/queue/or*'] }], 'pattern "/queue/or*"'],
  ])('%j are refused by name', (groups, message) => {
    expect(() => groupDestinations(groups)).toThrow(message);
  });
});

describe('destination groups in an environment variable', () => {
  it('are a JSON list', () => {
    const groups = [{ name: 'orders', destinations: ['/queue/orders.>'] }];
    expect(readGroups(JSON.stringify(groups))).toEqual(groups);
  });

  it.each([undefined, ''])('are none where it is %j', (text) => {
    expect(readGroups(text)).toEqual([]);
  });

  it.each(['orders', '{}', '[1]', '[{"name":"a"}]', '[{"name":"a","destinations":[1]}]'])(
    'are refused as %s',
    (text) => {
      expect(() => readGroups(text)).toThrow('JSON list');
    },
  );
});
