import type { Effects } from '../broker.ts';
import { forward } from './forward.ts';
import { keepAlive } from './keep-alive.ts';
import { probeConsumers } from './probes.ts';

/** What turns call for, as it is carried out. */
export const effects: Effects = { forward, keepAlive, probe: probeConsumers };
