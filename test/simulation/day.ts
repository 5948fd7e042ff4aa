import { Consumer } from './clients/consumer.ts';
import { Producer } from './clients/producer.ts';
import { Puller } from './clients/puller.ts';
import { type Report, simulate } from './simulation.ts';
import type { Workload } from './workloads/workload.ts';

const HOUR_MS = 60 * 60_000;
const HOURS = 24;
/** A producer's messages, about as many as it sends in a day. */
const COUNT = 1500;

/** What the store holds after each hour. */
export type Hour = { readonly items: number; readonly headBytes: number };

/** A day of simulated time, with everything that goes wrong on it. */
export async function liveADay(
  seed: number,
  keepsStory = false,
): Promise<{ readonly report: Report; readonly hours: readonly Hour[] }> {
  const hours: Hour[] = [];
  const queue = 'daily';
  const workload: Workload = {
    name: 'day',
    queues: [queue],
    chaosMs: HOURS * HOUR_MS,
    begin(world, site) {
      const look = async () => {
        hours.push(await world.store.size());
        if (hours.length < HOURS) world.schedule.after(HOUR_MS, look);
      };
      world.schedule.after(HOUR_MS, look);
      const sending = { queue, count: COUNT, restMs: 120_000, transient: 0.1, expiring: 0.1 };
      const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, sending));
      const consuming = { queue, prefetch: 3, thinkMs: 2000, rejects: 0.05, forgets: 0.01, lifeMs: 60_000 } as const;
      const consumers = [
        new Consumer(world, site, 'c1', { ...consuming, ack: 'client-individual' }),
        new Consumer(world, site, 'c2', { ...consuming, ack: 'client' }),
      ];
      const pulling = { queue, max: 3, waitMs: 500, visibilityMs: 4000, rejects: 0.1, forgets: 0.1, extends: 0.1 };
      return { producers, consumers, pullers: [new Puller(world, site, 'u1', { ...pulling, restMs: 60_000 })] };
    },
  };
  return { report: await simulate(seed, workload, keepsStory), hours };
}
