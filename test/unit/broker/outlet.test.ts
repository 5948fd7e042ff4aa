import { expect, it } from 'vitest';
import { stompOutlet } from '../../../lib/handlers/outlet.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';

it('posts of one delivery share its time: what is left when it is over is not begun', async () => {
  let now = 0;
  const given: number[] = [];
  const push = {
    async post(_connection: string, _octets: Uint8Array, timeoutMs: number) {
      given.push(timeoutMs);
      now += 400;
      return 'sent' as const;
    },
    close: async () => {},
    isOpen: async () => true,
  };
  const outlet = stompOutlet(push, cloudLimits, { now: () => now, date: () => now, sleep: async () => {} });
  const message = { body: Buffer.alloc(20 * 1024, 'x'), text: true, headers: {}, timestamp: 0 };
  const delivery = { message, messageId: 'id-0', queue: 'q', token: 't', redelivered: false, deliveryCount: 1 };
  const outcome = await outlet.deliver('c', '2cs', Array(5).fill(delivery), 1000);
  expect(outcome).toBe('unknown');
  expect(given).toEqual([1000, 600, 200]);
});
