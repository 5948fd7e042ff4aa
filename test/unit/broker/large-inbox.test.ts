import { expect, it } from 'vitest';
import { append, leadLater } from '../../../lib/broker/requests.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { environmentOn, storeWith } from './environment.ts';

it('what one append brings beyond an inbox is absorbed over several commits, each of a size that a store takes', async () => {
  const absorbed: number[] = [];
  const environment = environmentOn(
    storeWith((inner) => ({
      async commit(shard, commit) {
        absorbed.push(commit.absorbed);
        return await inner.commit(shard, commit);
      },
    })),
    { endsWithReply: false },
  );
  const { broker, afterwards } = environment;
  const requests = Array.from({ length: 300 }, () => ({
    id: broker.random.id(),
    request: { kind: 'acknowledge-up-to', incarnation: 'none', sequence: 1, deliveryAttempt: 1 } as const,
  }));
  const { mastership } = await append(broker, '/queue/q', requests, { ring: true });
  leadLater(broker, mastership);
  await afterwards.idle();
  expect(Math.max(...absorbed)).toBe(cloudLimits.inboxEntries);
  expect((await broker.store.readHead('/queue/q'))?.inbox).toEqual([]);
  expect((await broker.store.readHead('/queue/q'))?.lease).toBeUndefined();
});
