import type { Server } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { Access } from '../access/access.ts';
import { ensureAdministrator } from '../access/users.ts';
import { LocalSockets } from '../gateway/sockets.ts';
import { Afterwards } from '../handlers/afterwards.ts';
import { connectHandler } from '../handlers/connect.ts';
import { disconnectHandler } from '../handlers/disconnect.ts';
import { dispatchHandler } from '../handlers/dispatch.ts';
import { evictExpired } from '../handlers/eviction.ts';
import { frameHandler } from '../handlers/frame.ts';
import { setUp, systemClock, systemRandom } from '../handlers/parts.ts';
import { restHandler } from '../handlers/rest.ts';
import { sweepHandler } from '../handlers/sweep.ts';
import { BrokerError } from '../model/errors.ts';
import { isAllowedOrigin, isLoopbackHost } from '../rest/origin.ts';
import { Alarms } from './alarms.ts';
import { whileHeld } from './held-store.ts';
import { httpServer } from './http.ts';
import { Listener } from './listener.ts';
import { withLocalSessions } from './local-sessions.ts';
import type { BrokerOptions, BrokerUrls } from './options.ts';
import type { StorePlace } from './stores.ts';
import { tcpServer } from './tcp.ts';
import { admitUpgrade } from './upgrade.ts';
import { refuseUpgrade, webSocketUpgrade } from './websocket.ts';

/** A broker whose ports are open. */
export type Running = {
  readonly urls: BrokerUrls;
  /** Lets what is under way end. */
  readonly close: () => Promise<void>;
  /** Breaks everything off: another process is the master. */
  readonly abort: () => Promise<void>;
};

const HOST = '127.0.0.1';
const PORT = 61614;
const STOMP_PORT = 61613;
const SWEEP_MS = 60_000;
/** How late a connection whose token expires is closed: it is looked for in memory alone. */
const EXPIRY_MS = 1000;
/** How long requests may go on when the broker stops: one that waits for a message is not waited for. */
const REQUEST_GRACE_MS = 2000;
const CACHE_BYTES = 64 * 1024 * 1024;
/** A REST request may hold a whole batch, which base64 and escapes make longer. */
const REQUEST_BATCHES = 4;

/** There is no Lambda runtime here, and no handler asks for it. */
const noContext = {} as Context;

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
  const store = withLocalSessions(whileHeld(await place.open(epoch, failOnce), isHeld));
  const sockets = new LocalSockets();
  const random = systemRandom();
  const access = options.access && new Access({ store, now: Date.now, tokens: options.access.tokens });
  const administrator = options.access?.administrator;
  const log = options.log ?? (() => {});
  const alarms = new Alarms((shard) => void dispatch({ shard }));
  const bench = setUp({
    store,
    random,
    log,
    epoch,
    push: sockets,
    clock: systemClock,
    limits: place.limits,
    access,
    cacheBytes: CACHE_BYTES,
    endsWithReply: false,
    alarm: alarms.set,
    dispatch: async (shard, nonce) => void dispatch({ shard, nonce }),
    onFailure: (error) => {
      if (error.code === 'NOT_MASTER') onFailure(error);
    },
  });
  const dispatchOne = dispatchHandler(bench);
  const dispatch = async (event: { shard: string; nonce?: string }) => {
    await dispatchOne(event, noContext).catch(() => {});
  };
  const sweepOnce = async () => void (await sweepHandler(bench)(undefined, noContext).catch(() => {}));
  const [connect, frame, disconnect] = [connectHandler(bench), frameHandler(bench), disconnectHandler(bench)];
  const listener = new Listener(
    {
      connect: (event) => connect(event, noContext),
      frame: (event) => frame(event, noContext),
      disconnect: (event) => disconnect(event, noContext),
    },
    sockets,
    place.limits,
    () => epoch + random.id(),
  );
  const allowedOrigins = options.allowedOrigins ?? [];
  const rest = restHandler(bench, { allowedOrigins, loopbackOnly: true });
  const requests = new Afterwards(() => {});
  const requestBytes = REQUEST_BATCHES * place.limits.batchBytes;
  // Who holds a connection's id may write to it and close it: that is not for everybody where not everything is.
  const managed = access ? undefined : sockets;
  const http = httpServer((event) => rest(event, noContext), managed, requestBytes, requests);
  const upgrade = webSocketUpgrade(listener, place.limits.frameBytes);
  http.on('upgrade', (request, socket, head) => {
    const { origin, host } = request.headers;
    if (!isAllowedOrigin(origin, allowedOrigins) || !isLoopbackHost(host)) {
      refuseUpgrade(socket, '403 Forbidden');
      return;
    }
    void admitUpgrade(access, request, socket).then((authorizer) => {
      if (authorizer) upgrade(request, socket, head, authorizer);
    });
  });
  const tcp = tcpServer(listener);
  const port = options.port ?? PORT;
  const stompPort = options.stompPort ?? (port === 0 ? 0 : STOMP_PORT);
  const start = async () => {
    if (administrator) await ensureAdministrator(store, administrator.name, administrator.password, random.id());
    return await listenAll(http, port, tcp, stompPort);
  };
  const urls = await start().catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  void sweepOnce();
  const sweeping = setInterval(sweepOnce, SWEEP_MS);
  const expiring = access && setInterval(() => void evictExpired(bench).catch(() => {}), EXPIRY_MS);
  const stop = () => {
    clearInterval(sweeping);
    clearInterval(expiring);
    alarms.end();
    for (const server of [http, tcp]) server.close();
    http.closeIdleConnections();
  };
  return {
    urls,
    async close() {
      stop();
      await Promise.all([listener.drain(), Promise.race([requests.settled(), sleep(REQUEST_GRACE_MS)])]);
      // However much is ready, the turns end here.
      sockets.stop();
      await bench.afterwards.settled();
      listener.close();
      await store.close();
      http.closeAllConnections();
    },
    async abort() {
      stop();
      listener.destroy();
      http.closeAllConnections();
      await store.close().catch(() => {});
    },
  };
}

async function listenAll(http: Server, port: number, tcp: TcpServer, stompPort: number): Promise<BrokerUrls> {
  try {
    const httpPort = await listen(http, port);
    const tcpPort = await listen(tcp, stompPort);
    return {
      url: `http://${HOST}:${httpPort}`,
      webSocketUrl: `ws://${HOST}:${httpPort}`,
      stompUrl: `tcp://${HOST}:${tcpPort}`,
    };
  } catch (error) {
    http.close();
    throw error;
  }
}

function listen(server: Server | TcpServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${cause.code})`;
      reject(new BrokerError('UNAVAILABLE', `The port ${port} ${why}.`, { cause }));
    });
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
