import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Transactor } from '../clients/transactor.ts';
import type { Workload } from './workload.ts';

/** What is taken from one queue goes on to others, in transactions; some of these come too late, and some only send. */
export const transaction: Workload = {
  name: 'transaction',
  queues: ['source', 'first', 'second'],
  limits: { outgoingBytes: 600 },
  chaosMs: 50_000,
  begin(world, site) {
    const { prng } = world;
    const common = { queue: 'source', restMs: 500, transient: 0.1, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 24 }));
    const pullers = [1, 2, 3].map((n) => {
      const visibilityMs = prng.between(300, 3000);
      const options = { from: 'source', to: ['first', 'second', 'source'], max: 3 } as const;
      return new Transactor(world, site, `t${n}`, {
        ...{ ...options, visibilityMs, restMs: 400, sendsAlone: 0.2, transient: 0.1, keeps: 0.2 },
      });
    });
    const consuming = { ack: 'client-individual', prefetch: 4, thinkMs: 40, rejects: 0, forgets: 0.01 } as const;
    const consumers = [
      new Consumer(world, site, 'c1', { ...consuming, queue: 'first' }),
      new Consumer(world, site, 'c2', { ...consuming, queue: 'second' }),
      new Consumer(world, site, 'c3', { ...consuming, queue: 'source', prefetch: 4, thinkMs: 100, rejects: 0.1 }),
    ];
    return { producers, consumers, pullers };
  },
};
