import { connectHandler } from '../lib/handlers/connect.ts';
import { dispatchHandler } from '../lib/handlers/dispatch.ts';
import { type EnvironmentParts, setUp, systemRandom } from '../lib/handlers/environment.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';
import { frameHandler } from '../lib/handlers/frame.ts';
import { restHandler } from '../lib/handlers/rest.ts';
import { sweepHandler } from '../lib/handlers/sweep.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import type { Headers } from '../lib/model/message.ts';
import { encodeFrame } from '../lib/stomp/encode.ts';
import { decodeFrames } from '../lib/stomp/parser.ts';
import { countingStore } from '../lib/store/counting.ts';
import { MemoryStore } from '../lib/store/memory/memory-store.ts';
import type { Taken } from './prices.ts';

/**
 * The cost ledger: what DynamoDB bills per message, from SEND to acknowledged, through the Lambda handlers with the
 * cloud's limits. A batch of n is one WebSocket message of n SEND frames, and one of n ACK frames; no receipts are asked
 * for. On a topic each message goes to every subscriber, and is acknowledged by nobody. `queue by REST`
 * sends, receives and acknowledges by a request each; `queue from REST` sends so, to a subscriber of STOMP.
 */

export type Case = {
  readonly scenario: 'queue' | 'topic' | 'queue by REST' | 'queue from REST';
  readonly subscribers: number;
  readonly bodyBytes: number;
  readonly batch: number;
  readonly writeUnitsMax: number;
};

export type Cost = Omit<Case, 'writeUnitsMax'> & {
  readonly writesPerMessage: number;
  readonly readsPerMessage: number;
  readonly writeUnitsPerMessage: number;
  readonly perMessage: Taken;
};

const queue = { scenario: 'queue', subscribers: 1 } as const;
const rest = { bodyBytes: 200 } as const;
const topic = { scenario: 'topic', bodyBytes: 200 } as const;

export const cases: readonly Case[] = [
  { ...queue, bodyBytes: 200, batch: 1, writeUnitsMax: 4 },
  { ...queue, bodyBytes: 200, batch: 10, writeUnitsMax: 0.7 },
  { ...queue, bodyBytes: 200, batch: 100, writeUnitsMax: 0.3 },
  { ...queue, bodyBytes: 1024, batch: 1, writeUnitsMax: 5 },
  { ...queue, bodyBytes: 1024, batch: 10, writeUnitsMax: 1.6 },
  { ...queue, bodyBytes: 1024, batch: 100, writeUnitsMax: 1.2 },
  { ...topic, subscribers: 1, batch: 1, writeUnitsMax: 3 },
  { ...topic, subscribers: 50, batch: 1, writeUnitsMax: 3 },
  { ...topic, subscribers: 50, batch: 10, writeUnitsMax: 0.6 },
  { ...rest, scenario: 'queue by REST', subscribers: 0, batch: 1, writeUnitsMax: 7 },
  { ...rest, scenario: 'queue by REST', subscribers: 0, batch: 10, writeUnitsMax: 1.1 },
  { ...rest, scenario: 'queue by REST', subscribers: 0, batch: 100, writeUnitsMax: 0.4 },
  { ...rest, scenario: 'queue from REST', subscribers: 1, batch: 1, writeUnitsMax: 5 },
  { ...rest, scenario: 'queue from REST', subscribers: 1, batch: 10, writeUnitsMax: 0.8 },
];

/** Requests before the counting begins: the shard is created, its consumer joins, its wake-up is put down. */
const WARM_UP = 3;
const REQUESTS = 200;
const SWEEPS = 10;

export async function measure({ scenario, subscribers, bodyBytes, batch }: Case): Promise<Cost> {
  const counting = countingStore(new MemoryStore());
  const arrived: Headers[] = [];
  const handedOver: DispatchEvent[] = [];
  const limits = { ...cloudLimits, prefetchDefault: batch, prefetchMax: batch };
  const taken = { socketMessages: 0, httpRequests: 0, invocations: 0 };
  const bench = setUp({
    ...parts,
    limits,
    store: counting.store,
    push: {
      ...parts.push,
      async post(_connection, octets) {
        taken.socketMessages += metered(octets);
        const { frames } = decodeFrames(octets, {
          limits: { ...limits, frameBytes: 1e6 },
          version: '1.2',
          role: 'client',
        });
        arrived.push(...frames.filter(({ command }) => command === 'MESSAGE').map(({ headers }) => headers));
        return 'sent';
      },
    },
    dispatch: async (shard, nonce) => {
      taken.invocations++;
      if (scenario === 'queue from REST') handedOver.push({ shard, nonce });
    },
  });
  const [connect, frame] = [connectHandler(bench), frameHandler(bench)];
  const open = async (connectionId: string) => {
    const event = { requestContext: { connectionId } };
    const send = (frames: readonly Buffer[]) => {
      const octets = Buffer.concat(frames);
      taken.invocations++;
      taken.socketMessages += metered(octets);
      return frame({ ...event, body: octets.toString('utf8'), isBase64Encoded: false }, noContext);
    };
    await connect(event, noContext);
    await send([encodeFrame('CONNECT', { 'accept-version': '1.2', host: '/' }, nothing, '1.2')]);
    return send;
  };
  const destination = scenario === 'topic' ? '/topic/orders' : '/queue/orders';
  const ack = scenario === 'topic' ? 'auto' : 'client-individual';
  const subscription = { id: '0', destination, ack, 'prefetch-count': String(batch) };
  const connections = await Promise.all(Array.from({ length: subscribers }, (_, i) => open(`bench-${i}`)));
  for (const subscribe of connections) await subscribe([encodeFrame('SUBSCRIBE', subscription, nothing, '1.2')]);
  const send = connections[0] ?? (await open('bench'));
  const [handler, dispatch] = [restHandler(bench, {}), dispatchHandler(bench)];
  const ask = async (path: string, json: object) => {
    taken.invocations++;
    taken.httpRequests++;
    return await askOver(handler, path, json);
  };
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let request = -WARM_UP; request < REQUESTS; request++) {
    if (request === 0) {
      counting.reset();
      Object.assign(taken, { socketMessages: 0, httpRequests: 0, invocations: 0 });
    }
    if (scenario === 'queue by REST' || scenario === 'queue from REST') {
      const messages = Array.from({ length: batch }, () => ({ body: body.toString() }));
      await ask('/v1/queues/orders/messages', { messages });
      for (const event of handedOver.splice(0)) await dispatch(event, noContext);
    } else {
      await send(Array.from({ length: batch }, () => encodeFrame('SEND', { destination }, body, '1.2')));
    }
    if (scenario === 'queue by REST') {
      const received = await ask('/v1/queues/orders/receive', { max: batch });
      const tokens = received.messages.map(({ token }: { token: string }) => token);
      if (tokens.length !== batch) throw new Error(`${tokens.length} of ${batch} were received`);
      await ask('/v1/deliveries/acknowledge', { tokens });
    }
    const got = arrived.splice(0);
    if (got.length !== batch * subscribers) throw new Error(`${got.length} of ${batch * subscribers} arrived`);
    const tokens = got.flatMap((headers) => headers.ack ?? []);
    if (tokens.length > 0) await send(tokens.map((id) => encodeFrame('ACK', { id }, nothing, '1.2')));
  }
  return costOf({ scenario, subscribers, bodyBytes, batch }, counting, taken);
}

/** Messages that are sent, and deliveries that end, in the transaction whose cost is measured. */
const ACTIONS = 10;
const TRANSACTIONS = 20;
/** What it may cost. */
export const TRANSACTION_UNITS_MAX = 12;

/** What DynamoDB bills for a transaction that sends ten messages to two queues and acknowledges ten deliveries. */
export async function measureTransaction(): Promise<{ writeUnits: number; readUnits: number }> {
  const counting = countingStore(new MemoryStore());
  const handler = restHandler(setUp({ ...parts, store: counting.store }), {});
  const ask = (path: string, json: object) => askOver(handler, path, json);
  const body = 'x'.repeat(200);
  const sends = Array.from({ length: ACTIONS }, (_, i) => ({ destination: `/queue/${i % 2 ? 'paid' : 'sent'}`, body }));
  const total = { writeUnits: 0, readUnits: 0 };
  for (let n = -WARM_UP; n < TRANSACTIONS; n++) {
    await ask('/v1/queues/orders/messages', { messages: Array(ACTIONS).fill({ body }) });
    const { messages } = await ask('/v1/queues/orders/receive', { max: ACTIONS });
    const acknowledge = messages.map(({ token }: { token: string }) => token);
    counting.reset();
    const { state } = await ask('/v1/transactions', { sends, acknowledge });
    if (state !== 'committed') throw new Error(`a transaction is ${state}`);
    const { writeUnits, readUnits } = counting.counts().total;
    for (const queue of ['paid', 'sent']) await drain(ask, queue);
    if (n < 0) continue;
    total.writeUnits += writeUnits / TRANSACTIONS;
    total.readUnits += readUnits / TRANSACTIONS;
  }
  return { writeUnits: round(total.writeUnits), readUnits: round(total.readUnits) };
}

// biome-ignore lint/suspicious/noExplicitAny: what a reply holds
type Ask = (path: string, json: object) => Promise<any>;

async function drain(ask: Ask, queue: string): Promise<void> {
  const { messages } = await ask(`/v1/queues/${queue}/receive`, { max: ACTIONS });
  const tokens = messages.map(({ token }: { token: string }) => token);
  await ask('/v1/deliveries/acknowledge', { tokens });
}

async function askOver(handler: ReturnType<typeof restHandler>, path: string, json: object) {
  const requestContext = { domainName: 'localhost', http: { method: 'POST' } };
  const headers = { 'content-type': 'application/json' };
  const event = { rawPath: path, rawQueryString: '', headers, requestContext, body: JSON.stringify(json) };
  const { body = '' } = await handler(event as never, noContext);
  return JSON.parse(body);
}

function costOf(
  one: Omit<Case, 'writeUnitsMax'>,
  counting: ReturnType<typeof countingStore>,
  taken: Pick<Taken, 'socketMessages' | 'httpRequests' | 'invocations'>,
): Cost {
  const { writes, reads, writeUnits, readUnits } = counting.counts().total;
  const messages = REQUESTS * one.batch;
  return {
    ...one,
    writesPerMessage: round(writes / messages),
    readsPerMessage: round(reads / messages),
    writeUnitsPerMessage: round(writeUnits / messages),
    perMessage: {
      writeUnits: writeUnits / messages,
      readUnits: readUnits / messages,
      socketMessages: taken.socketMessages / messages,
      httpRequests: taken.httpRequests / messages,
      invocations: taken.invocations / messages,
    },
  };
}

/** Wake-ups are put down once a minute a shard, however many messages that minute has: they are not counted here. */
const now = () => Date.UTC(2026, 0, 1);
const stillClock = { now, date: now, sleep: async () => {} };

const parts: EnvironmentParts = {
  store: new MemoryStore(),
  push: { post: async () => 'sent', close: async () => {}, isOpen: async () => true },
  limits: cloudLimits,
  clock: stillClock,
  random: systemRandom(),
  log: () => {},
  dispatch: async () => {},
  wakeAt: () => {},
  endsWithReply: true,
};

/** API Gateway counts each 32 KB of a message, or part of that, as one. */
function metered(octets: Uint8Array): number {
  return Math.ceil(octets.byteLength / (32 * 1024));
}

/** What a sweep reads when nothing is due: each fifth one looks at ages, too. */
export async function measureIdle(): Promise<{ readUnits: number }> {
  const counting = countingStore(new MemoryStore());
  let minute = 0;
  const clock = { ...stillClock, now: () => now() + minute * 60_000 };
  const sweep = sweepHandler(setUp({ ...parts, store: counting.store, clock, meter: () => {} }));
  for (; minute < SWEEPS; minute++) await sweep(undefined, noContext);
  return { readUnits: counting.counts().total.readUnits / SWEEPS };
}

/** What a heart-beat reads. */
export async function measureBeat(): Promise<{ readUnits: number }> {
  const counting = countingStore(new MemoryStore());
  const bench = setUp({ ...parts, store: counting.store });
  const event = { requestContext: { connectionId: 'quiet' } };
  await connectHandler(bench)(event, noContext);
  counting.reset();
  await frameHandler(bench)({ ...event, body: '\n', isBase64Encoded: false }, noContext);
  return counting.counts().total;
}

const noContext = {} as never;
const nothing = new Uint8Array();

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
