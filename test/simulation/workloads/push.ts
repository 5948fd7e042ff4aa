import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import type { Workload } from './workload.ts';

/** Producers and consumers of all three modes on one queue. */
export const push: Workload = {
  name: 'push',
  queues: ['orders'],
  chaosMs: 70_000,
  begin(world, site) {
    const { prng } = world;
    const queue = 'orders';
    const common = { queue, restMs: 300, transient: 0, expiring: 0 };
    const producers = [1, 2, 3].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 36 }));
    const modes = ['client-individual', 'client', 'auto', 'client-individual'] as const;
    const consumers = modes.map((ack, n) => {
      const prefetch = prng.between(1, 4);
      return new Consumer(world, site, `c${n}`, { queue, ack, prefetch, thinkMs: 60, rejects: 0.05, forgets: 0.02 });
    });
    return { producers, consumers, pullers: [] };
  },
};
