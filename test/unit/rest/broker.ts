import { BodyCache } from '../../../lib/broker/body-cache.ts';
import type { Broker } from '../../../lib/broker/parts.ts';
import { Quarantine } from '../../../lib/broker/quarantine.ts';
import { systemClock, systemRandom } from '../../../lib/handlers/parts.ts';
import { type Limits, localLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';

/** A broker in memory that has no connections. */
export function memoryBroker(limits: Partial<Limits> = {}, parts: Partial<Broker> = {}): Broker {
  return {
    store: new MemoryStore(),
    outlet: { feed: async () => false, deliver: async () => 'gone', isOpen: async () => false },
    clock: systemClock,
    random: systemRandom(),
    limits: { ...localLimits, ...limits },
    epoch: '',
    bodies: new BodyCache(1_000_000),
    quarantine: new Quarantine(),
    defer: (work) => void work(),
    turnsPerRequest: Number.POSITIVE_INFINITY,
    dispatch: async () => {},
    alarm: () => {},
    log: () => {},
    trace: () => {},
    meter: () => {},
    watched: [],
    ...parts,
  };
}
