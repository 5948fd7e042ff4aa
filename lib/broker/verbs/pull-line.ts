import { once } from 'node:events';
import type { Delivery } from '../../model/message.ts';
import { windowOf } from '../../shard/plan/window.ts';
import { type Draft, total } from '../../shard/state/draft.ts';
import { isDead } from '../../shard/state/lease.ts';
import type { Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import type { Mastership } from '../inbox/leases.ts';
import type { Line, Waiter } from '../lines.ts';
import { append } from '../requests.ts';
import { viewHead } from '../shards.ts';
import { lead } from '../turn/lead.ts';

/** As many pulls go into an inbox at once: no more than a shard remembers, which tells a repeat of them. */
const CALLED_MAX = 16;
/** How long a look at messages that others have asked for waits before it looks again: they may be gone. */
const LOOK_AGAIN_MS = 1000;

/**
 * Looks at a shard for all who wait for it here, by reading alone, and calls as many as there are messages that nobody
 * has asked for: they go into the inbox with one write, and the next after them once they are answered. Ends when nobody
 * waits any more.
 */
export async function serveLine(broker: Broker, shard: string, line: Line): Promise<void> {
  const { clock, lines, store } = broker;
  try {
    while (!line.isEmpty || line.isHeld) {
      // Who comes after this is looked for again.
      const { next } = lines;
      const awoken = line.awaken();
      if (line.isEmpty) {
        await once(awoken, 'abort');
        continue;
      }
      const head = await store.readHead(shard);
      const { claimable, unasked, untilDeadlineMs } = look(broker, head);
      const called = line.call(unasked, CALLED_MAX);
      if (called.length > 0) {
        await putIn(broker, shard, line, called);
        continue;
      }
      // What is there for those behind is theirs once they are called.
      const isKept = line.isHeld && unasked > 0;
      if (lines.isEnded) line.dismiss(Number.POSITIVE_INFINITY, next);
      else if (!isKept) line.dismiss(clock.now(), next);
      if (line.isEmpty) continue;
      const untilOver = isKept ? LOOK_AGAIN_MS : line.giveUpAt - clock.now();
      const waitMs = Math.min(untilOver, untilDeadlineMs);
      await store.awaitChange(shard, head, claimable > 0 ? Math.min(waitMs, LOOK_AGAIN_MS) : waitMs, awoken);
    }
  } catch (error) {
    line.fail(error);
  } finally {
    lines.close(shard);
  }
}

type Look = { readonly claimable: number; readonly unasked: number; readonly untilDeadlineMs: number };

/**
 * What could be given out, and what of that nobody has asked for. A shard with as much in flight as it may have gives
 * nothing out: asking it would be a write for nothing.
 */
function look(broker: Broker, head: Head | undefined): Look {
  if (!head) return { claimable: 0, unasked: 0, untilDeadlineMs: Number.POSITIVE_INFINITY };
  const { clock, epoch, limits } = broker;
  const { ready, draft } = viewHead(broker, head);
  const claimable = Math.min(ready - draft.early, windowOf(draft, limits));
  const unasked = claimable - total(draft.pulls.map(({ max }) => ({ count: max })));
  // Who has asked may have died, and the master with him: somebody has to ring.
  const isLed = head.lease && !isDead(head.lease, clock.now(), epoch, limits);
  const untilDeadlineMs = untilDeadline(broker, draft);
  return { claimable, unasked: isLed ? unasked : Math.max(unasked, Math.min(claimable, 1)), untilDeadlineMs };
}

/** A message whose deadline or delay passes becomes ready without any write. */
function untilDeadline({ clock }: Broker, { flights, delayed }: Draft): number {
  const now = clock.now();
  const deadlines = [...flights.map(({ deadline }) => deadline), ...delayed.map(({ until }) => until)]
    // What is past its deadline and not ready has had its last delivery: a turn takes it away.
    .filter((deadline) => deadline > now);
  return Math.min(...deadlines) - now;
}

async function putIn(broker: Broker, shard: string, line: Line, called: readonly Waiter[]): Promise<void> {
  const { clock, limits } = broker;
  const now = clock.now();
  const leftMs = Math.min(...called.map(({ endsAt }) => endsAt)) - limits.leaseMs - now;
  const pulls = called.map(({ max, visibilityMs }) => ({
    id: broker.random.id(),
    request: { kind: 'receive', max, deadline: now + visibilityMs } as const,
  }));
  try {
    const { head, mastership } = await append(broker, shard, pulls, {
      ring: true,
      retryMs: Math.min(limits.retryMs, Math.max(0, leftMs)),
    });
    const ids = pulls.map(({ id }) => id);
    const answers = mastership && leadFor(broker, mastership, ids);
    called.forEach(({ resolve }, i) => {
      const id = ids[i] as string;
      resolve({ id, head, answer: answers?.get(id), onAnswered: () => line.answered() });
    });
  } catch (error) {
    for (const { reject } of called) {
      line.answered();
      reject(error);
    }
  }
}

/** Takes turns for pulls. Where another master came between, their answers are undefined. */
function leadFor(
  broker: Broker,
  mastership: Mastership,
  pulls: readonly string[],
): ReadonlyMap<string, Promise<readonly Delivery[] | undefined>> {
  const answers = new Map(pulls.map((id) => [id, Promise.withResolvers<readonly Delivery[] | undefined>()]));
  // Nobody may wait for one any more.
  for (const { promise } of answers.values()) promise.catch(() => {});
  broker.defer(async () => {
    try {
      await lead(broker, mastership, (pull, deliveries) => answers.get(pull)?.resolve(deliveries));
      for (const { resolve } of answers.values()) resolve(undefined);
    } catch (error) {
      for (const { reject } of answers.values()) reject(error);
      throw error;
    }
  });
  return new Map([...answers].map(([id, { promise }]) => [id, promise]));
}
