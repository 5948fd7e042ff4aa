import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

/** Consumers that want what they reject to wait, or to be dead-lettered at once. */
export const refusal: Workload = {
  name: 'refusal',
  queues: ['errands'],
  limits: { deliveries: 4, probeMs: 2000 },
  chaosMs: 60_000,
  begin(world, site) {
    const queue = 'errands';
    const common = { queue, restMs: 150, transient: 0.1, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 30 }));
    const bad = { queue, prefetch: 2, thinkMs: 150, rejects: 0.4, forgets: 0.03 } as const;
    const requeues = { delayMs: 3000, later: 0.7, never: 0.1 };
    const consumers = [
      new Consumer(world, site, 'c1', { ...bad, ack: 'client-individual', requeues }),
      new Consumer(world, site, 'c2', { ...bad, ack: 'client', requeues }),
      new Consumer(world, site, 'c3', { ...bad, ack: 'client-individual', namesById: true, requeues }),
      new Consumer(world, site, 'd1', {
        ...bad,
        queue: 'DLQ.errands',
        ack: 'client-individual',
        rejects: 0.1,
        requeues,
      }),
    ];
    const pulling = { queue, max: 2, waitMs: 500, visibilityMs: 1000, rejects: 0.3, forgets: 0.3, extends: 0.1 };
    return { producers, consumers, pullers: [new Puller(world, site, 'u1', { ...pulling, delayMs: 3000 })] };
  },
};
