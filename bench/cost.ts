import { connectHandler } from '../lib/handlers/connect.ts';
import { frameHandler } from '../lib/handlers/frame.ts';
import { setUp, systemRandom } from '../lib/handlers/parts.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import type { Headers } from '../lib/model/message.ts';
import { encodeFrame } from '../lib/stomp/encode.ts';
import { decodeFrames } from '../lib/stomp/parser.ts';
import { countingStore } from '../lib/store/counting.ts';
import { MemoryStore } from '../lib/store/memory/memory-store.ts';

/**
 * The cost ledger: what DynamoDB bills per message, from SEND to acknowledged, through the Lambda handlers with the
 * cloud's limits. A batch of n is one WebSocket message of n SEND frames, and one of n ACK frames. On a topic each
 * message goes to every subscriber, and is acknowledged by nobody.
 */

type Case = {
  readonly scenario: 'queue' | 'topic';
  readonly subscribers: number;
  readonly bodyBytes: number;
  readonly batch: number;
  readonly writeUnitsMax: number;
};

type Cost = Omit<Case, 'writeUnitsMax'> & {
  readonly writesPerMessage: number;
  readonly readsPerMessage: number;
  readonly writeUnitsPerMessage: number;
};

const queue = { scenario: 'queue', subscribers: 1 } as const;
const topic = { scenario: 'topic', bodyBytes: 200 } as const;

const cases: readonly Case[] = [
  { ...queue, bodyBytes: 200, batch: 1, writeUnitsMax: 4 },
  { ...queue, bodyBytes: 200, batch: 10, writeUnitsMax: 0.7 },
  { ...queue, bodyBytes: 200, batch: 100, writeUnitsMax: 0.3 },
  { ...queue, bodyBytes: 1024, batch: 1, writeUnitsMax: 5 },
  { ...queue, bodyBytes: 1024, batch: 10, writeUnitsMax: 1.6 },
  { ...queue, bodyBytes: 1024, batch: 100, writeUnitsMax: 1.2 },
  { ...topic, subscribers: 1, batch: 1, writeUnitsMax: 3 },
  { ...topic, subscribers: 50, batch: 1, writeUnitsMax: 3 },
  { ...topic, subscribers: 50, batch: 10, writeUnitsMax: 0.6 },
];

/** Requests before the counting begins: the shard is created, its consumer joins, its wake-up is put down. */
const WARM_UP = 3;
const REQUESTS = 200;

async function measure({ scenario, subscribers, bodyBytes, batch }: Case): Promise<Cost> {
  const counting = countingStore(new MemoryStore());
  const arrived: Headers[] = [];
  const limits = { ...cloudLimits, prefetchMax: batch };
  const bench = setUp({
    limits,
    store: counting.store,
    push: {
      async post(_connection, octets) {
        const { frames } = decodeFrames(octets, {
          limits: { ...limits, frameBytes: 1e6 },
          version: '1.2',
          role: 'client',
        });
        arrived.push(...frames.filter(({ command }) => command === 'MESSAGE').map(({ headers }) => headers));
        return 'sent';
      },
      close: async () => {},
      isOpen: async () => true,
    },
    clock: stillClock,
    random: systemRandom(),
    log: () => {},
    dispatch: async () => {},
    alarm: () => {},
    endsWithReply: true,
  });
  const [connect, frame] = [connectHandler(bench), frameHandler(bench)];
  const open = async (connectionId: string) => {
    const event = { requestContext: { connectionId } };
    await connect(event, noContext);
    const send = (frames: readonly Buffer[]) =>
      frame({ ...event, body: Buffer.concat(frames).toString('utf8'), isBase64Encoded: false }, noContext);
    await send([encodeFrame('CONNECT', { 'accept-version': '1.2', host: '/' }, nothing, '1.2')]);
    return send;
  };
  const destination = `/${scenario}/orders`;
  const ack = scenario === 'queue' ? 'client-individual' : 'auto';
  const subscription = { id: '0', destination, ack, 'prefetch-count': String(batch) };
  const connections = await Promise.all(Array.from({ length: subscribers }, (_, i) => open(`bench-${i}`)));
  for (const subscribe of connections) await subscribe([encodeFrame('SUBSCRIBE', subscription, nothing, '1.2')]);
  const send = connections[0] ?? (await open('bench'));
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let request = -WARM_UP; request < REQUESTS; request++) {
    if (request === 0) counting.reset();
    await send(Array.from({ length: batch }, () => encodeFrame('SEND', { destination }, body, '1.2')));
    const got = arrived.splice(0);
    if (got.length !== batch * subscribers) throw new Error(`${got.length} of ${batch * subscribers} arrived`);
    const tokens = got.flatMap((headers) => headers.ack ?? []);
    if (tokens.length > 0) await send(tokens.map((id) => encodeFrame('ACK', { id }, nothing, '1.2')));
  }
  const { writes, reads, writeUnits } = counting.counts().total;
  const messages = REQUESTS * batch;
  return {
    scenario,
    subscribers,
    bodyBytes,
    batch,
    writesPerMessage: round(writes / messages),
    readsPerMessage: round(reads / messages),
    writeUnitsPerMessage: round(writeUnits / messages),
  };
}

/** Wake-ups are put down once a minute a shard, however many messages that minute has: they are not counted here. */
const stillClock = { now: () => Date.UTC(2026, 0, 1), sleep: async () => {} };

const noContext = {} as never;
const nothing = new Uint8Array();

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const costs = await Promise.all(cases.map(measure));
const isJson = process.argv.includes('--json');
const print = (line: string) => process.stdout.write(`${line}\n`);
if (!isJson) print('scenario  subscribers  body, B  batch  writes  reads  write units  at most');
costs.forEach((cost, i) => {
  const { scenario, subscribers, bodyBytes, batch, writesPerMessage, readsPerMessage, writeUnitsPerMessage } = cost;
  const most = cases[i]?.writeUnitsMax ?? 0;
  const columns = [
    scenario,
    subscribers,
    bodyBytes,
    batch,
    writesPerMessage,
    readsPerMessage,
    writeUnitsPerMessage,
    most,
  ];
  print(
    isJson
      ? JSON.stringify(cost)
      : columns.map((column, at) => String(column).padStart([8, 11, 7, 5, 6, 5, 11, 7][at] ?? 0)).join('  '),
  );
});
const dear = costs.filter((cost, i) => cost.writeUnitsPerMessage > (cases[i]?.writeUnitsMax ?? 0));
if (dear.length > 0) {
  process.stderr.write(
    `Dearer than they should be: ${dear.map((cost) => `${cost.scenario} ${cost.bodyBytes} B x ${cost.batch}`).join(', ')}\n`,
  );
  process.exitCode = 1;
}
