import { Consumer } from '../clients/consumer.ts';
import { Forwarder } from '../clients/forwarder.ts';
import { Producer } from '../clients/producer.ts';
import type { Workload } from './workload.ts';

/** Consumers that send on what they get, SEND and ACK in one message, some of it to be refused in the middle. */
export const forward: Workload = {
  name: 'forward',
  queues: ['in', 'left', 'right'],
  chaosMs: 50_000,
  begin(world, site) {
    const common = { queue: 'in', restMs: 400, transient: 0, expiring: 0 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 24 }));
    const forwarding = { from: 'in', to: ['left', 'right'], prefetch: 4, faulty: 0.15 };
    const forwarders = [40, 120].map((gatherMs, n) => new Forwarder(world, site, `f${n}`, { ...forwarding, gatherMs }));
    const consuming = { ack: 'client-individual', prefetch: 4, thinkMs: 40, rejects: 0, forgets: 0.01 } as const;
    const consumers = [
      new Consumer(world, site, 'c1', { ...consuming, queue: 'left' }),
      new Consumer(world, site, 'c2', { ...consuming, queue: 'right' }),
    ];
    return { producers, consumers: [...consumers, ...forwarders], pullers: [] };
  },
};
