import { Consumer } from '../clients/consumer.ts';
import { Producer } from '../clients/producer.ts';
import { Publisher } from '../clients/publisher.ts';
import { Subscriber } from '../clients/subscriber.ts';
import type { Workload } from './workload.ts';

/** A topic whose subscribers come and go, among some that stay; and a queue beside it. */
export const fanOut: Workload = {
  name: 'fan-out',
  queues: ['beside'],
  topics: ['prices'],
  limits: { postsAtOnce: 3 },
  chaosMs: 60_000,
  begin(world, site) {
    const topic = 'prices';
    const common = { topic, restMs: 300, transient: 0.3, expiring: 0.1 };
    const publishers = [1, 2].map((n) => new Publisher(world, site, `t${n}`, { ...common, count: 64 }));
    for (const [n, lifeMs] of [300, 1000, 5000, 20_000, 60_000].entries()) {
      new Subscriber(world, site, `s${n}`, topic, lifeMs);
    }
    const queue = { queue: 'beside', restMs: 1000, transient: 0, expiring: 0 };
    const producer = new Producer(world, site, 'p1', { ...queue, count: 12 });
    const consuming = { ack: 'client-individual', prefetch: 2, thinkMs: 60, rejects: 0, forgets: 0 } as const;
    const consumer = new Consumer(world, site, 'c1', { ...consuming, queue: 'beside' });
    return { producers: [...publishers, producer], consumers: [consumer], pullers: [] };
  },
};
