import type { Log } from '../../lib/broker/broker.ts';
import { systemRandom } from '../../lib/handlers/environment.ts';
import { type Limits, localLimits } from '../../lib/model/limits.ts';
import { type Running, run } from '../../lib/server/run.ts';
import type { Store } from '../../lib/store/port.ts';

/** A whole broker in this process, on free ports, on the given store. */
export function brokerOn(store: Store, log: Log = () => {}, limits: Partial<Limits> = {}): Promise<Running> {
  const place = {
    limits: { ...localLimits, ...limits },
    lease: undefined,
    times: { leaseMs: 10_000, renewMs: 2_000, pollMs: 100, marginMs: 1_000 },
    open: async () => store,
    close: async () => {},
  };
  const claimed = { epoch: systemRandom().id().slice(0, 8), isHeld: () => true };
  return run({ port: 0, log }, place, claimed, () => {});
}
