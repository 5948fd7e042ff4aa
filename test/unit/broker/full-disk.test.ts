import { expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { systemClock } from '../../../lib/handlers/environment.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const queue = { kind: 'queue', name: 'q' } as const;

/** Sends once to a store whose appends all fail so. @returns how often it was asked, by a clock that sleeps skip on */
async function appendsOf(failure: BrokerError): Promise<number> {
  let [appends, skippedMs] = [0, 0];
  const store = storeWith(() => ({
    append() {
      appends++;
      return Promise.reject(failure);
    },
  }));
  const clock = {
    now: () => systemClock.now() + skippedMs,
    date: systemClock.date,
    async sleep(ms: number) {
      skippedMs += ms;
    },
  };
  const { broker } = environmentOn(store, { clock });
  await expect(send(broker, queue, [textMessage('a')])).rejects.toBe(failure);
  return appends;
}

it('a send that finds the disk full is refused at once', async () => {
  expect(await appendsOf(new BrokerError('OVERLOADED', 'The disk is full.', { details: { disk: 'full' } }))).toBe(1);
});

it('a send that finds the store throttled goes on trying', async () => {
  expect(await appendsOf(new BrokerError('OVERLOADED', 'Later.'))).toBeGreaterThan(3);
});
