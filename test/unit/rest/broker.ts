import { BodyCache } from '../../../lib/broker/bodies/body-cache.ts';
import type { Broker } from '../../../lib/broker/broker.ts';
import { Browsing } from '../../../lib/broker/browsing.ts';
import { effects } from '../../../lib/broker/effects/effects.ts';
import { Leavers } from '../../../lib/broker/leavers.ts';
import { Lines } from '../../../lib/broker/lines.ts';
import { Quarantine } from '../../../lib/broker/quarantine.ts';
import { systemClock, systemRandom } from '../../../lib/handlers/environment.ts';
import { type Limits, localLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';

/** A broker in memory that has no connections. */
export function memoryBroker(limits: Partial<Limits> = {}, parts: Partial<Broker> = {}): Broker {
  return {
    store: new MemoryStore(),
    outlet: { feed: async () => false, refuse: async () => {}, deliver: async () => 'gone', isOpen: async () => false },
    clock: systemClock,
    random: systemRandom(),
    limits: { ...localLimits, ...limits },
    epoch: '',
    bodies: new BodyCache(1_000_000),
    quarantine: new Quarantine(),
    leavers: new Leavers(),
    lines: new Lines(),
    browsing: new Browsing(),
    effects,
    defer: (work) => void work(),
    turnsPerRequest: Number.POSITIVE_INFINITY,
    dispatch: async () => {},
    wakeAt: () => {},
    log: () => {},
    audit: () => {},
    trace: () => {},
    meter: () => {},
    watched: [],
    ...parts,
  };
}
