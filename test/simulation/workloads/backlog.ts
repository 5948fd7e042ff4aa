import { Consumer } from '../clients/consumer.ts';
import { Operator } from '../clients/operator.ts';
import { Producer } from '../clients/producer.ts';
import type { Workload } from './workload.ts';

/** More comes in than goes out: references roll up into pages, and pages into pages; some is purged, the rest taken. */
export const backlog: Workload = {
  name: 'backlog',
  queues: ['heap'],
  limits: { inboxEntries: 10, inboxReserve: 3 },
  chaosMs: 70_000,
  begin(world, site) {
    const queue = 'heap';
    const common = { queue, restMs: 40, transient: 0.1, expiring: 0.1 };
    const producers = [1, 2, 3, 4].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 30 }));
    const slow = { queue, prefetch: 2, thinkMs: 400, rejects: 0.02, forgets: 0.02 } as const;
    const consumers = [
      new Consumer(world, site, 'c1', { ...slow, ack: 'client-individual' }),
      new Consumer(world, site, 'c2', { ...slow, ack: 'client' }),
    ];
    const operators = [new Operator(world, site, { queue, restMs: 20_000, purges: 0.4, deletes: 0 })];
    return { producers, consumers, pullers: [], operators };
  },
};
