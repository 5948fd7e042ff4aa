import { isDead } from '../../shard/state/lease.ts';
import type { Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { becomeMaster, leadLater } from '../requests.ts';
import { entriesOf } from '../shards.ts';

/** How long a look at a head that others are working on waits before it looks again. */
const LOOK_AGAIN_MS = 1000;

type Waiting = {
  /** In milliseconds since the epoch. */
  readonly giveUpAt: number;
  /** Nobody waits any more once this is aborted. */
  readonly gone?: AbortSignal | undefined;
};

/**
 * Waits until a turn has taken an entry out of the inbox, and sees to it that there is one.
 * @param appended the head with the entry
 * @returns the head without it; `late` if the time is over; undefined if the shard is gone, or nobody waits any more
 */
export async function awaitAbsorbed(
  broker: Broker,
  appended: Head,
  id: string,
  { giveUpAt, gone }: Waiting,
): Promise<Head | 'late' | undefined> {
  const { shard } = appended;
  let head: Head | undefined = appended;
  while (head && entriesOf(head).some((entry) => entry.id === id)) {
    if (gone?.aborted) return undefined;
    if (broker.clock.now() >= giveUpAt) return 'late';
    head = await nextHead(broker, head, giveUpAt, gone);
    const isLed = head?.lease && !isDead(head.lease, broker.clock.now(), broker.epoch, broker.limits);
    const elected = isLed ? undefined : await becomeMaster(broker, shard, Math.max(0, giveUpAt - broker.clock.now()));
    leadLater(broker, elected);
  }
  return head;
}

/** The head as it is once it may have changed, or after a while. */
export async function nextHead(
  { store, clock }: Broker,
  head: Head,
  giveUpAt: number,
  gone?: AbortSignal,
): Promise<Head | undefined> {
  const leftMs = Math.max(0, giveUpAt - clock.now());
  await store.awaitChange(head.shard, head, Math.min(LOOK_AGAIN_MS, leftMs), gone);
  return await store.readHead(head.shard);
}
