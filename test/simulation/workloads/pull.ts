import type { AckMode } from '../../../lib/model/message.ts';
import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

/** Pulls with deadlines that are extended or missed, beside a consumer that is pushed to. */
export const pull: Workload = {
  name: 'pull',
  queues: ['jobs'],
  chaosMs: 60_000,
  begin(world, site) {
    const { prng } = world;
    const queue = 'jobs';
    const common = { queue, restMs: 300, transient: 0.1, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 20 }));
    const pullers = [1, 2, 3].map((n) => {
      const visibilityMs = prng.between(400, 4000);
      const options = { max: prng.between(1, 3), waitMs: prng.pick([0, 500, 2000]), visibilityMs };
      return new Puller(world, site, `u${n}`, { queue, ...options, rejects: 0.1, forgets: 0.1, extends: 0.2 });
    });
    const ack = prng.pick<AckMode>(['client-individual', 'client', 'auto']);
    const options = { queue, ack, prefetch: 2, thinkMs: 80, rejects: 0.05, forgets: 0.02 };
    return { producers, pullers, consumers: [new Consumer(world, site, 'c1', options)] };
  },
};
