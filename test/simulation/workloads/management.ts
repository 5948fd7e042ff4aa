import { deadLetterQueueOf } from '../../../lib/model/destination.ts';
import { Consumer } from '../clients/consumer.ts';
import { Operator } from '../clients/operator.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

/** A queue that is browsed, purged and deleted while it is used. */
export const management: Workload = {
  name: 'management',
  queues: ['shelf'],
  limits: { deliveries: 2 },
  chaosMs: 60_000,
  begin(world, site) {
    const queue = 'shelf';
    const common = { queue, restMs: 1000, transient: 0.1, expiring: 0.1 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 40 }));
    const pulling = { queue, max: 2, waitMs: 0, visibilityMs: 2000, rejects: 0.2, forgets: 0.2, extends: 0.1 };
    const pullers = [new Puller(world, site, 'u1', { ...pulling, restMs: 2000 })];
    const consuming = {
      queue,
      ack: 'client-individual',
      prefetch: 2,
      thinkMs: 500,
      rejects: 0.2,
      forgets: 0.1,
    } as const;
    const consumers: Consumer[] = [];
    // Until somebody subscribes, the queue can be deleted.
    world.schedule.after(world.prng.between(5000, 30_000), () => {
      consumers.push(new Consumer(world, site, 'c1', consuming));
    });
    const operators = [
      new Operator(world, site, { queue, restMs: 1000, purges: 0.1, deletes: 0.2 }),
      new Operator(world, site, { queue: deadLetterQueueOf(queue), restMs: 2000, purges: 0, deletes: 0.5 }),
    ];
    return { producers, consumers, pullers, operators };
  },
};
