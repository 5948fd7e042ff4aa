import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

/** Long waits: bodies and pages outlive their first retention, since what is unconsumed is extended in time. */
export const expiry: Workload = {
  name: 'expiry',
  queues: ['archive'],
  limits: { inboxEntries: 16, inboxReserve: 4 },
  chaosMs: 40 * 60_000,
  begin(world, site) {
    const queue = 'archive';
    const common = { queue, restMs: 30_000, transient: 0.1, expiring: 0.1 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 40 }));
    const options = { queue, ack: 'client-individual', prefetch: 1, rejects: 0.1, forgets: 0.05 } as const;
    const consumers = [new Consumer(world, site, 'c1', { ...options, thinkMs: 120_000, lifeMs: 20_000 })];
    const pulling = {
      queue,
      max: 1,
      waitMs: 0,
      visibilityMs: 120_000,
      restMs: 10_000,
      rejects: 0.2,
      forgets: 0.3,
      extends: 0.3,
    };
    const pullers: Puller[] = [];
    world.schedule.after(20 * 60_000, () => {
      pullers.push(new Puller(world, site, 'u1', pulling));
    });
    return { producers, consumers, pullers };
  },
};
