import { LocalSockets } from '../gateway/sockets.ts';
import { setUp, systemRandom } from '../handlers/environment.ts';
import type { DispatchEvent, SocketEvent } from '../handlers/events.ts';
import { evictExpired } from '../handlers/eviction.ts';
import { doorsOf, type Front, type FrontParts } from './front.ts';
import { invocablesOf } from './invocations.ts';
import { Listener } from './listener.ts';
import { withLocalSessions } from './local-sessions.ts';
import { connectionsOf } from './management.ts';
import { steadyClock } from './steady-clock.ts';
import { tcpServer } from './tcp.ts';
import { WakeTimers } from './timers.ts';
import { admitUpgrade } from './upgrade.ts';
import { webSocketUpgrade } from './websocket.ts';

const CACHE_BYTES = 64 * 1024 * 1024;
/** How late a connection whose token expires is closed: it is looked for in memory alone. */
const EXPIRY_MS = 1000;

/** Sockets that keep order, and handlers that share one memory and go on after their replies. */
export function orderedFront({ options, store, access, limits, epoch, onFailure }: FrontParts): Front {
  const sockets = new LocalSockets(limits.frameIdleMs);
  const random = systemRandom();
  const clock = steadyClock();
  const sessions = withLocalSessions(store);
  const timers = new WakeTimers((shard) => void dispatch({ shard }), clock.now);
  const environment = setUp({
    store: sessions.store,
    random,
    access,
    limits,
    epoch,
    log: options.log ?? (() => {}),
    audit: options.audit ?? (() => {}),
    push: sockets,
    clock,
    cacheBytes: CACHE_BYTES,
    endsWithReply: false,
    wakeAt: timers.set,
    dispatch: async (shard, nonce) => void dispatch({ shard, nonce }),
    onFailure: (error) => {
      if (error.code === 'NOT_MASTER') onFailure(error);
    },
  });
  const functions = invocablesOf(environment, doorsOf(options));
  const disconnect = async (event: SocketEvent) => {
    try {
      await functions.disconnect(event);
    } finally {
      sessions.forget(event.requestContext.connectionId);
    }
  };
  const dispatch = async (event: DispatchEvent) => void (await functions.dispatch(event).catch(() => {}));
  const listener = new Listener(
    { ...functions, disconnect },
    sockets,
    limits,
    () => epoch + random.id(),
    options.trace,
  );
  const expiring = access && setInterval(() => void evictExpired(environment).catch(() => {}), EXPIRY_MS);
  const take = webSocketUpgrade(listener, limits.frameBytes);
  return {
    rest: functions.rest,
    connections: connectionsOf(sockets),
    upgrade: (request, socket, head) =>
      void admitUpgrade(access, request, socket, options.trace).then((admitted) => {
        if (admitted) take(request, socket, head, admitted.principal);
      }),
    tcp: tcpServer(listener),
    sweep: async () => void (await functions.sweep().catch(() => {})),
    endTimers() {
      clearInterval(expiring);
      timers.end();
    },
    async drain() {
      environment.broker.lines.end();
      await listener.drain();
    },
    async quiesce() {
      sockets.stop();
      await environment.afterwards.idle();
    },
    close: () => listener.close(),
    destroy: () => listener.destroy(),
  };
}
