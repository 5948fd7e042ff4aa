import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import type { Workload } from './workload.ts';

/** Consumers that acknowledge all that they had up to a message, most of them by its id, which says of no delivery. */
export const cumulative: Workload = {
  name: 'cumulative',
  queues: ['ledger'],
  limits: { unknownPostMs: 600 },
  chaosMs: 60_000,
  begin(world, site) {
    const { prng } = world;
    const queue = 'ledger';
    const common = { queue, restMs: 300, transient: 0, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 40 }));
    const consumers = [true, true, false].map((namesById, n) => {
      const options = { prefetch: prng.between(3, 12), thinkMs: 700, rejects: 0.03, forgets: 0.1, lifeMs: 4000 };
      return new Consumer(world, site, `c${n}`, { queue, ack: 'client', namesById, ...options });
    });
    return { producers, consumers, pullers: [] };
  },
};
