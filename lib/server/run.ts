import { setTimeout as sleep } from 'node:timers/promises';
import { ensureAdministrator } from '../access/users.ts';
import { Afterwards } from '../handlers/afterwards.ts';
import { systemRandom } from '../handlers/environment.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { isAllowedOrigin, isLoopbackHost } from '../rest/origin.ts';
import { accessIn, accessOf, doorsOf } from './front.ts';
import { whileHeld } from './held-store.ts';
import { httpServer } from './http.ts';
import { listenAll } from './listen.ts';
import { type BrokerOptions, type BrokerUrls, HOST, portsOf } from './options.ts';
import { orderedFront } from './ordered-front.ts';
import type { StorePlace } from './stores.ts';
import { strictFront } from './strict/strict-front.ts';
import { refuseUpgrade } from './websocket.ts';

/** Where the messages are kept, and within which limits. */
export type BoundedPlace = StorePlace & { readonly limits: Limits };

/** A broker whose ports are open. */
export type Running = {
  readonly urls: BrokerUrls;
  /** Lets what is under way end. */
  readonly close: () => Promise<void>;
  /** Breaks everything off: another process is the master. */
  readonly abort: () => Promise<void>;
};

const SWEEP_MS = 60_000;
/** How long requests may go on when the broker stops: one that waits for a message is not waited for. */
const REQUEST_GRACE_MS = 2000;
/** A REST request may hold a whole batch, which base64 and escapes make longer. */
const REQUEST_BATCHES = 4;

/** How much of a header that somebody sent is logged. */
const SHOWN = 64;

/** A mastership: what begins its nonces and connection ids, and whether it still holds. */
type Claimed = { readonly epoch: string; readonly isHeld: () => boolean };

/** Opens the store and the ports, and runs the handlers on what arrives. */
export async function run(
  options: BrokerOptions,
  place: BoundedPlace,
  { epoch, isHeld }: Claimed,
  onFailure: (error: BrokerError) => void,
): Promise<Running> {
  const failOnce = (error: BrokerError) => {
    if (error.code === 'NOT_MASTER' || error.code === 'UNAVAILABLE') onFailure(error);
  };
  const { limits } = place;
  const tellDamage = (error: BrokerError) => options.log?.('data damaged', error.details, error);
  const store = whileHeld(await place.open(epoch, failOnce, tellDamage), isHeld);
  const access = accessOf(options, store);
  const front = (options.strict ? strictFront : orderedFront)({ options, store, access, limits, epoch, onFailure });
  const requests = new Afterwards(() => {});
  // Who holds a connection's id may write to it and close it: that is not for everybody where not everything is.
  const managed = access ? undefined : front.connections;
  const http = httpServer({
    rest: front.rest,
    connections: managed,
    access,
    bodyBytes: REQUEST_BATCHES * limits.batchBytes,
    underWay: requests,
  });
  const doors = doorsOf(options);
  http.on('upgrade', (request, socket, head) => {
    const { origin, host } = request.headers;
    if (!isAllowedOrigin(origin, doors.allowedOrigins) || (doors.loopbackOnly && !isLoopbackHost(host))) {
      options.trace?.('upgrade refused', { origin: origin?.slice(0, SHOWN), host: host?.slice(0, SHOWN) });
      refuseUpgrade(socket, '403 Forbidden');
      return;
    }
    front.upgrade(request, socket, head);
  });
  const { port, stompPort } = portsOf(options);
  const start = async () => {
    const rules = accessIn(options);
    const administrator = rules === 'open' ? undefined : rules.administrator;
    if (administrator) {
      await ensureAdministrator(store, administrator.name, administrator.password, systemRandom().id());
    }
    return await listenAll(http, front.tcp, { host: options.host ?? HOST, http: port, tcp: stompPort });
  };
  const urls = await start().catch(async (error: unknown) => {
    front.endTimers();
    await store.close();
    throw error;
  });
  void front.sweep();
  const sweeping = setInterval(front.sweep, SWEEP_MS);
  const stop = () => {
    clearInterval(sweeping);
    front.endTimers();
    for (const server of [http, front.tcp]) server?.close();
    http.closeIdleConnections();
  };
  return {
    urls,
    async close() {
      stop();
      await Promise.all([front.drain(), Promise.race([requests.idle(), sleep(REQUEST_GRACE_MS)])]);
      await front.quiesce();
      front.close();
      await store.close();
      http.closeAllConnections();
    },
    async abort() {
      stop();
      front.destroy();
      http.closeAllConnections();
      await store.close().catch(() => {});
    },
  };
}
