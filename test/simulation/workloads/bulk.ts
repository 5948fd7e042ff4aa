import { Consumer } from '../clients/consumer.ts';
import { Operator } from '../clients/operator.ts';
import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

const BODY_BYTES = 400;

/** Bodies so large that items, turns and posts are full of octets before they have as many messages as they may. */
export const bulk: Workload = {
  name: 'bulk',
  queues: ['bales'],
  limits: { bodyBytes: BODY_BYTES, deliveryBytes: 700, batchBytes: 900, batchCount: 8, turnBytes: 700, postBytes: 900 },
  chaosMs: 50_000,
  begin(world, site) {
    const queue = 'bales';
    const common = { queue, restMs: 300, transient: 0.1, expiring: 0.1, bodyBytes: BODY_BYTES };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 30 }));
    const consuming = { queue, prefetch: 4, thinkMs: 100, rejects: 0.1, forgets: 0.02 } as const;
    const consumers = [
      new Consumer(world, site, 'c1', { ...consuming, ack: 'client-individual' }),
      new Consumer(world, site, 'c2', { ...consuming, ack: 'client' }),
    ];
    const pulling = { queue, max: 4, waitMs: 500, visibilityMs: 2000, rejects: 0.1, forgets: 0.1, extends: 0.1 };
    const pullers = [new Puller(world, site, 'u1', { ...pulling, restMs: 400 })];
    const operators = [new Operator(world, site, { queue, restMs: 10_000, purges: 0, deletes: 0 })];
    return { producers, consumers, pullers, operators };
  },
};
