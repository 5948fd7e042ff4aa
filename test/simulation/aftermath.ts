import { deadLetterQueueOf } from '../../lib/model/destination.ts';
import { must } from './checks/violation.ts';
import { Consumer } from './clients/consumer.ts';
import { Passerby } from './clients/passerby.ts';
import { Producer } from './clients/producer.ts';
import { Publisher } from './clients/publisher.ts';
import { Puller } from './clients/puller.ts';
import type { Site } from './site.ts';
import type { Clients, Workload } from './workloads/workload.ts';
import type { World } from './world.ts';

const DRAIN_MS = 30 * 60_000;
const PROMPT_MS = 20_000;
/** A target that refused for so long is tried again within a minute, when the sweep comes. */
const FORWARD_MS = 3 * 60_000;
/** Nobody wants these. */
const POISON = 'poison';
const ABSENCE_MS = 2000;
const PASSERSBY = 6;

/** The old consumers go, some without a word; healthy ones take what is there, with a sweep each minute. */
export async function drain(
  world: World,
  site: Site,
  { queues }: Workload,
  clients: Clients,
): Promise<readonly Consumer[]> {
  const { schedule, prng, witness } = world;
  for (const { client } of clients.consumers) client.end(prng.chance(0.5));
  for (const client of [...clients.pullers, ...(clients.operators ?? [])]) client.end();
  const well = { ack: 'client-individual', prefetch: 2, thinkMs: 20, rejects: 0, forgets: 0 } as const;
  const withDeadLetters = queues.flatMap((queue) => [queue, deadLetterQueueOf(queue)]);
  const refusing = { ...well, refuses: POISON };
  const consumers = withDeadLetters.map(
    (queue, n) => new Consumer(world, site, `well${n}`, { ...(queues.includes(queue) ? refusing : well), queue }),
  );
  const isOver = () =>
    clients.producers.every(({ isDone }) => isDone) &&
    clients.pullers.every(({ isStill }) => isStill) &&
    witness.shards.every((shard) => shard.isQuiet);
  await schedule.runUntil(schedule.now + DRAIN_MS, isOver);
  must(
    isOver(),
    'everything drains',
    stranded(world),
    clients.producers.map(({ isDone }) => isDone),
  );
  return consumers;
}

/** A dead-letter queue that takes nothing holds up nobody but its dead letters, and those until it takes them. */
export async function serveBesideRefusals(world: World, site: Site, { queues: [queue = ''] }: Workload): Promise<void> {
  const { schedule, outages, witness } = world;
  const { sent } = witness.history;
  const sending = { queue, restMs: 50, transient: 0, expiring: 0 };
  outages.begin();
  const poison = new Producer(world, site, POISON, { ...sending, count: 3 });
  await schedule.runUntil(schedule.now + PROMPT_MS, () => poison.isDone && outages.refused > 0);
  const producer = new Producer(world, site, 'beside', { ...sending, count: 6 });
  const isServed = () => producer.isDone && sent.unended().every(({ id }) => id.startsWith(POISON));
  await schedule.runUntil(schedule.now + PROMPT_MS, isServed);
  must(isServed(), 'what a target refuses holds up nobody', outages.refused, stranded(world));
  outages.end();
  const isOver = () => sent.unended().length === 0 && witness.shards.every((shard) => shard.isQuiet);
  await schedule.runUntil(schedule.now + FORWARD_MS, isOver);
  must(isOver(), 'what was refused goes once its target takes it', stranded(world));
}

/**
 * Without any sweep: who rings is served, who acknowledges gets more, what somebody pulled and forgot comes back in
 * time, and who only looks in leaves nothing behind.
 */
export async function servePromptly(
  world: World,
  site: Site,
  workload: Workload,
  consumers: readonly Consumer[],
): Promise<void> {
  const { schedule, prng, witness } = world;
  site.stopSweeping();
  const [queue = ''] = workload.queues;
  for (const consumer of consumers) consumer.getWell();
  const producer = new Producer(world, site, 'last', { queue, count: 12, restMs: 100, transient: 0, expiring: 0 });
  const publishing = { count: 6, restMs: 5, transient: 0, expiring: 0 };
  const publishers = workload.topics?.map((topic) => new Publisher(world, site, topic, { ...publishing, topic })) ?? [];
  const pulling = { queue, max: 2, waitMs: 0, visibilityMs: 1500, restMs: 150, rejects: 0, forgets: 0.4, extends: 0.3 };
  const puller = new Puller(world, site, 'absent', pulling);
  schedule.after(prng.between(ABSENCE_MS / 4, ABSENCE_MS), () => puller.end());
  // Some come to a queue that is not there before them: nobody remembers there who has left it.
  const passersby = Array.from({ length: PASSERSBY }, (_, n) => {
    return new Passerby(world, site, n % 2 === 0 ? deadLetterQueueOf(queue) : `corner${n}`);
  });
  const senders = [producer, ...publishers];
  const isServed = () => witness.history.areAllEnded() && witness.audience.areAllServed();
  const areGone = () => passersby.every((passerby) => passerby.isGone);
  const isOver = () => senders.every(({ isDone }) => isDone) && isServed() && areGone();
  await schedule.runUntil(schedule.now + PROMPT_MS, isOver);
  must(areGone(), 'who is gone is no consumer', stranded(world));
  must(isOver(), 'who rings is served without a sweep', producer.isDone, stranded(world));
}

/** Where nothing expires, nothing is left of messages that are done. */
export async function leaveNothing({ schedule, witness }: World): Promise<void> {
  const isQuiet = () => witness.shards.every((shard) => shard.isQuiet);
  await schedule.runUntil(schedule.now + PROMPT_MS, isQuiet);
  for (const shard of witness.shards) if (shard.isQuiet) shard.checkLeftovers();
}

function stranded({ witness }: World): readonly string[] {
  return witness.shards.filter((shard) => !shard.isQuiet).map((shard) => shard.describe());
}
