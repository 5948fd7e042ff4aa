import { LocalSockets } from '../gateway/sockets.ts';
import type { DispatchEvent, SocketEvent } from '../handlers/events.ts';
import { evictExpired } from '../handlers/eviction.ts';
import { setUp, systemClock, systemRandom } from '../handlers/parts.ts';
import { Alarms } from './alarms.ts';
import { doorsOf, type Front, type FrontParts } from './front.ts';
import { functionsOf } from './functions.ts';
import { Listener } from './listener.ts';
import { withLocalSessions } from './local-sessions.ts';
import { connectionsOf } from './management.ts';
import { tcpServer } from './tcp.ts';
import { webSocketUpgrade } from './websocket.ts';

const CACHE_BYTES = 64 * 1024 * 1024;
/** How late a connection whose token expires is closed: it is looked for in memory alone. */
const EXPIRY_MS = 1000;

/** Sockets that keep order, and handlers that share one memory and go on after their replies. */
export function orderedFront({ options, store, access, limits, epoch, onFailure }: FrontParts): Front {
  const sockets = new LocalSockets();
  const random = systemRandom();
  const sessions = withLocalSessions(store);
  const alarms = new Alarms((shard) => void dispatch({ shard }));
  const bench = setUp({
    store: sessions.store,
    random,
    access,
    limits,
    epoch,
    log: options.log ?? (() => {}),
    push: sockets,
    clock: systemClock,
    cacheBytes: CACHE_BYTES,
    endsWithReply: false,
    alarm: alarms.set,
    dispatch: async (shard, nonce) => void dispatch({ shard, nonce }),
    onFailure: (error) => {
      if (error.code === 'NOT_MASTER') onFailure(error);
    },
  });
  const functions = functionsOf(bench, doorsOf(options));
  const disconnect = async (event: SocketEvent) => {
    try {
      await functions.disconnect(event);
    } finally {
      sessions.forget(event.requestContext.connectionId);
    }
  };
  const dispatch = async (event: DispatchEvent) => void (await functions.dispatch(event).catch(() => {}));
  const listener = new Listener({ ...functions, disconnect }, sockets, limits, () => epoch + random.id());
  const expiring = access && setInterval(() => void evictExpired(bench).catch(() => {}), EXPIRY_MS);
  return {
    rest: functions.rest,
    connections: connectionsOf(sockets),
    upgrade: webSocketUpgrade(listener, limits.frameBytes),
    tcp: tcpServer(listener),
    sweep: async () => void (await functions.sweep().catch(() => {})),
    endAlarms() {
      clearInterval(expiring);
      alarms.end();
    },
    drain: () => listener.drain(),
    async settle() {
      sockets.stop();
      await bench.afterwards.settled();
    },
    close: () => listener.close(),
    destroy: () => listener.destroy(),
  };
}
