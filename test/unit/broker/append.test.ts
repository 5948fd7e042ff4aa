import { expect, it } from 'vitest';
import { appendToInbox } from '../../../lib/broker/inbox/append.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import type { Append, AppendOutcome, Head } from '../../../lib/store/port.ts';
import { environmentOn, storeWith } from './environment.ts';

const blob = { key: 'k', bytes: new Uint8Array(1), expiresAt: 1 };
const head: Head = { shard: '/queue/q', lease: undefined, rings: 0, inbox: [], state: undefined, due: 0 };

/** What each try of one append puts, where the store answers them so. */
async function blobsOf(answers: readonly (AppendOutcome | BrokerError)[]): Promise<readonly number[]> {
  const tries: Append[] = [];
  const store = storeWith(() => ({
    async append(_shard, append) {
      const answer = answers[tries.length] as AppendOutcome | BrokerError;
      tries.push(append);
      if (answer instanceof BrokerError) throw answer;
      return answer;
    },
  }));
  const { broker } = environmentOn(store, { clock: { date: () => 0, now: () => 0, sleep: async () => {} } });
  const options = { blobs: [blob], nonce: undefined, mustExist: false, retryMs: 1000, onFull: async () => {} };
  await appendToInbox(broker, '/queue/q', [{ id: 'i', request: { kind: 'purge' } }], options);
  return tries.map(({ blobs }) => blobs.length);
}

it('blobs that a full inbox let in are not put again', async () => {
  const full = { kind: 'full', head, hasBlobs: true } as const;
  const throttled = new BrokerError('OVERLOADED', 'The store is throttling.');
  expect(await blobsOf([full, full, throttled, { kind: 'appended', head }])).toEqual([1, 0, 0, 0]);
});

it('blobs that were refused together with their entry are put with the next try', async () => {
  const full = { kind: 'full', head, hasBlobs: false } as const;
  const throttled = new BrokerError('OVERLOADED', 'The store is throttling.');
  expect(await blobsOf([full, throttled, full, { kind: 'appended', head }])).toEqual([1, 1, 1, 1]);
});
