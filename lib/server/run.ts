import { setTimeout as sleep } from 'node:timers/promises';
import { ensureAdministrator } from '../access/users.ts';
import { Afterwards } from '../handlers/afterwards.ts';
import { systemRandom } from '../handlers/parts.ts';
import type { BrokerError } from '../model/errors.ts';
import { isAllowedOrigin, isLoopbackHost } from '../rest/origin.ts';
import { accessOf } from './front.ts';
import { whileHeld } from './held-store.ts';
import { httpServer } from './http.ts';
import { listenAll } from './listen.ts';
import type { BrokerOptions, BrokerUrls } from './options.ts';
import { orderedFront } from './ordered-front.ts';
import type { StorePlace } from './stores.ts';
import { strictFront } from './strict/strict-front.ts';
import { admitUpgrade } from './upgrade.ts';
import { refuseUpgrade } from './websocket.ts';

/** A broker whose ports are open. */
export type Running = {
  readonly urls: BrokerUrls;
  /** Lets what is under way end. */
  readonly close: () => Promise<void>;
  /** Breaks everything off: another process is the master. */
  readonly abort: () => Promise<void>;
};

const PORT = 61614;
const STOMP_PORT = 61613;
const SWEEP_MS = 60_000;
/** How long requests may go on when the broker stops: one that waits for a message is not waited for. */
const REQUEST_GRACE_MS = 2000;
/** A REST request may hold a whole batch, which base64 and escapes make longer. */
const REQUEST_BATCHES = 4;

/** A mastership: what begins its nonces and connection ids, and whether it still holds. */
type Claimed = { readonly epoch: string; readonly isHeld: () => boolean };

/** Opens the store and the ports, and runs the handlers on what arrives. */
export async function run(
  options: BrokerOptions,
  place: StorePlace,
  { epoch, isHeld }: Claimed,
  onFailure: (error: BrokerError) => void,
): Promise<Running> {
  const failOnce = (error: BrokerError) => {
    if (error.code === 'NOT_MASTER' || error.code === 'UNAVAILABLE') onFailure(error);
  };
  const { limits } = place;
  const store = whileHeld(await place.open(epoch, failOnce), isHeld);
  const access = accessOf(options, store);
  const front = (options.strict ? strictFront : orderedFront)({ options, store, access, limits, epoch, onFailure });
  const requests = new Afterwards(() => {});
  // Who holds a connection's id may write to it and close it: that is not for everybody where not everything is.
  const managed = access ? undefined : front.connections;
  const http = httpServer(front.rest, managed, REQUEST_BATCHES * limits.batchBytes, requests);
  http.on('upgrade', (request, socket, head) => {
    const { origin, host } = request.headers;
    if (!isAllowedOrigin(origin, options.allowedOrigins ?? []) || !isLoopbackHost(host)) {
      refuseUpgrade(socket, '403 Forbidden');
      return;
    }
    void admitUpgrade(access, request, socket).then((authorizer) => {
      if (authorizer) front.upgrade(request, socket, head, authorizer);
    });
  });
  const port = options.port ?? PORT;
  const stompPort = options.stompPort ?? (port === 0 ? 0 : STOMP_PORT);
  const start = async () => {
    const administrator = options.access?.administrator;
    if (administrator) {
      await ensureAdministrator(store, administrator.name, administrator.password, systemRandom().id());
    }
    return await listenAll(http, front.tcp, { http: port, tcp: stompPort });
  };
  const urls = await start().catch(async (error: unknown) => {
    front.endAlarms();
    await store.close();
    throw error;
  });
  void front.sweep();
  const sweeping = setInterval(front.sweep, SWEEP_MS);
  const stop = () => {
    clearInterval(sweeping);
    front.endAlarms();
    for (const server of [http, front.tcp]) server?.close();
    http.closeIdleConnections();
  };
  return {
    urls,
    async close() {
      stop();
      await Promise.all([front.drain(), Promise.race([requests.settled(), sleep(REQUEST_GRACE_MS)])]);
      await front.settle();
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
