import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../functions/settings.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';

const least = { TABLE_PREFIX: 'p', CONNECTIONS_ENDPOINT: 'https://gateway.example/live', DISPATCH_FUNCTION: 'd' };

describe("a function's settings", () => {
  it('are read from its environment', () => {
    const groups = [{ name: 'orders', destinations: ['/queue/orders.>'] }];
    const lists = { ALLOWED_ORIGINS: 'a,b', WATCHED_QUEUES: 'orders,DLQ.orders' };
    const more = { DESTINATION_GROUPS: JSON.stringify(groups), LIMITS: '{"deliveries":3}', ...lists };
    expect(readSettings({ ...least, ...more })).toEqual({
      tablePrefix: 'p',
      connectionsEndpoint: 'https://gateway.example/live',
      dispatchFunction: 'd',
      groups,
      limits: { ...cloudLimits, deliveries: 3 },
      allowedOrigins: ['a', 'b'],
      watchedQueues: ['orders', 'DLQ.orders'],
    });
  });

  it('name the function itself where it is dispatch', () => {
    const { DISPATCH_FUNCTION: _, ...own } = least;
    expect(readSettings({ ...own, AWS_LAMBDA_FUNCTION_NAME: 'me' }).dispatchFunction).toBe('me');
  });

  it.each(['TABLE_PREFIX', 'CONNECTIONS_ENDPOINT'])('must have %s', (name) => {
    expect(() => readSettings({ ...least, [name]: '' })).toThrow(`lacks ${name}`);
  });

  it('must have limits that are JSON', () => {
    expect(() => readSettings({ ...least, LIMITS: 'deliveries=3' })).toThrow('LIMITS is not JSON');
    expect(() => readSettings({ ...least, LIMITS: 'null' })).toThrow('The limits are an object');
  });
});
