import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

/** Consumers that reject much and answer little: redelivery, until the dead-letter queue takes what nobody wants. */
export const redelivery: Workload = {
  name: 'redelivery',
  queues: ['mail'],
  limits: { deliveries: 2, probeMs: 2000 },
  chaosMs: 60_000,
  begin(world, site) {
    const queue = 'mail';
    const common = { queue, restMs: 300, transient: 0, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 20 }));
    const bad = { queue, prefetch: 3, thinkMs: 60, rejects: 0.4, forgets: 0.05 } as const;
    const consumers = [
      new Consumer(world, site, 'c1', { ...bad, ack: 'client-individual' }),
      new Consumer(world, site, 'c2', { ...bad, ack: 'client' }),
      new Consumer(world, site, 'd1', { ...bad, queue: 'DLQ.mail', ack: 'client-individual', rejects: 0.1 }),
    ];
    const pulling = { queue, max: 2, waitMs: 500, visibilityMs: 1000, rejects: 0.3, forgets: 0.3, extends: 0.1 };
    return { producers, consumers, pullers: [new Puller(world, site, 'u1', pulling)] };
  },
};
