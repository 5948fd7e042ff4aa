import type { Limits } from '../../lib/model/limits.ts';
import type { Witness } from './checks/witness.ts';
import type { Pace } from './clients/pace.ts';
import type { ExpiringStore } from './expiring-store.ts';
import type { Faults } from './faults.ts';
import type { Network } from './network.ts';
import type { Outages } from './outages.ts';
import type { Prng } from './prng.ts';
import type { Schedule } from './schedule.ts';
import type { Trace } from './trace.ts';

/** What one simulation consists of. */
export type World = {
  readonly prng: Prng;
  readonly schedule: Schedule;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly store: ExpiringStore;
  readonly network: Network;
  readonly outages: Outages;
  readonly limits: Limits;
  readonly pace: Pace;
  /** Sees all that is written and all that clients see, and says what must not be. */
  readonly witness: Witness;
  /** Requests to the store so far. */
  readonly steps: { count: number };
};
