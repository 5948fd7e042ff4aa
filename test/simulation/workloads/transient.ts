import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import type { Workload } from './workload.ts';

/** Messages that are not persistent, among some that are: never twice, perhaps not at all. */
export const transient: Workload = {
  name: 'transient',
  queues: ['ticks'],
  chaosMs: 60_000,
  begin(world, site) {
    const queue = 'ticks';
    const common = { queue, restMs: 250, transient: 0.7, expiring: 0.2 };
    const producers = [1, 2, 3].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 36 }));
    const modes = ['auto', 'client', 'client-individual'] as const;
    const consumers = modes.map((ack, n) => {
      const options = { queue, ack, prefetch: 3, thinkMs: 60, rejects: 0.05, forgets: 0.02 };
      return new Consumer(world, site, `c${n}`, options);
    });
    return { producers, consumers, pullers: [] };
  },
};
