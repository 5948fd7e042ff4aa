import { Producer } from '../clients/producer.ts';
import { Puller } from '../clients/puller.ts';
import type { Workload } from './workload.ts';

const PULLERS = 30;

/** Far more pulls than messages, which wait, and of which some hang up; mostly at one process, where they stand in line. */
export const crowd: Workload = {
  name: 'crowd',
  queues: ['counter'],
  selfHosted: 0.7,
  waiting: PULLERS,
  limits: { turnMessages: 40, inboxEntries: 80, inboxReserve: 16, inFlightPerShard: 60 },
  chaosMs: 30_000,
  begin(world, site) {
    const queue = 'counter';
    const common = { queue, restMs: 500, transient: 0.1, expiring: 0.1 };
    const producers = [1, 2].map((n) => new Producer(world, site, `p${n}`, { ...common, count: 24 }));
    const pullers = Array.from({ length: PULLERS }, (_, n) => {
      const options = { max: world.prng.between(1, 2), waitMs: world.prng.pick([500, 3000, 6000]), visibilityMs: 4000 };
      const ending = { rejects: 0.05, forgets: 0.05, extends: 0.05, hangsUp: 0.3 };
      return new Puller(world, site, `u${n}`, { queue, ...options, ...ending, restMs: 3000 });
    });
    return { producers, consumers: [], pullers };
  },
};
