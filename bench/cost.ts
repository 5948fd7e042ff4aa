import { connectHandler } from '../lib/handlers/connect.ts';
import { frameHandler } from '../lib/handlers/frame.ts';
import { setUp, systemRandom } from '../lib/handlers/parts.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import { encodeFrame } from '../lib/stomp/encode.ts';
import { decodeFrames } from '../lib/stomp/parser.ts';
import { countingStore } from '../lib/store/counting.ts';
import { MemoryStore } from '../lib/store/memory/memory-store.ts';

/**
 * The cost ledger: what DynamoDB bills per message, from SEND to acknowledged, through the Lambda handlers with the
 * cloud's limits. A batch of n is one WebSocket message of n SEND frames, and one of n ACK frames.
 */

type Case = { readonly bodyBytes: number; readonly batch: number; readonly writeUnitsMax: number };

type Cost = {
  readonly scenario: 'queue';
  readonly bodyBytes: number;
  readonly batch: number;
  readonly writesPerMessage: number;
  readonly readsPerMessage: number;
  readonly writeUnitsPerMessage: number;
};

const cases: readonly Case[] = [
  { bodyBytes: 200, batch: 1, writeUnitsMax: 4 },
  { bodyBytes: 200, batch: 10, writeUnitsMax: 0.7 },
  { bodyBytes: 200, batch: 100, writeUnitsMax: 0.3 },
  { bodyBytes: 1024, batch: 1, writeUnitsMax: 5 },
  { bodyBytes: 1024, batch: 10, writeUnitsMax: 1.6 },
  { bodyBytes: 1024, batch: 100, writeUnitsMax: 1.2 },
];

/** Requests before the counting begins: the shard is created, its consumer joins, its wake-up is put down. */
const WARM_UP = 3;
const REQUESTS = 200;

async function measure({ bodyBytes, batch }: Case): Promise<Cost> {
  const counting = countingStore(new MemoryStore());
  const tokens: string[] = [];
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
        for (const { headers } of frames) if (headers.ack) tokens.push(headers.ack);
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
  const send = (frames: readonly Buffer[]) =>
    frame({ ...event, body: Buffer.concat(frames).toString('utf8'), isBase64Encoded: false }, noContext);
  await connect(event, noContext);
  const destination = '/queue/orders';
  await send([encodeFrame('CONNECT', { 'accept-version': '1.2', host: '/' }, nothing, '1.2')]);
  const subscription = { id: '0', destination, ack: 'client-individual', 'prefetch-count': String(batch) };
  await send([encodeFrame('SUBSCRIBE', subscription, nothing, '1.2')]);
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let request = -WARM_UP; request < REQUESTS; request++) {
    if (request === 0) counting.reset();
    await send(Array.from({ length: batch }, () => encodeFrame('SEND', { destination }, body, '1.2')));
    const acks = tokens.splice(0);
    if (acks.length !== batch) throw new Error(`${acks.length} of ${batch} messages arrived`);
    await send(acks.map((id) => encodeFrame('ACK', { id }, nothing, '1.2')));
  }
  const { writes, reads, writeUnits } = counting.counts().total;
  const messages = REQUESTS * batch;
  return {
    scenario: 'queue',
    bodyBytes,
    batch,
    writesPerMessage: round(writes / messages),
    readsPerMessage: round(reads / messages),
    writeUnitsPerMessage: round(writeUnits / messages),
  };
}

/** Wake-ups are put down once a minute a shard, however many messages that minute has: they are not counted here. */
const stillClock = { now: () => Date.UTC(2026, 0, 1), sleep: async () => {} };

const event = { requestContext: { connectionId: 'bench' } };
const noContext = {} as never;
const nothing = new Uint8Array();

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const costs = await Promise.all(cases.map(measure));
const isJson = process.argv.includes('--json');
const print = (line: string) => process.stdout.write(`${line}\n`);
if (!isJson) print('body, B  batch  writes  reads  write units  at most');
costs.forEach((cost, i) => {
  const { bodyBytes, batch, writesPerMessage, readsPerMessage, writeUnitsPerMessage } = cost;
  const most = cases[i]?.writeUnitsMax ?? 0;
  const columns = [bodyBytes, batch, writesPerMessage, readsPerMessage, writeUnitsPerMessage, most];
  print(
    isJson
      ? JSON.stringify(cost)
      : columns.map((column, at) => String(column).padStart([7, 5, 6, 5, 11, 7][at] ?? 0)).join('  '),
  );
});
const dear = costs.filter((cost, i) => cost.writeUnitsPerMessage > (cases[i]?.writeUnitsMax ?? 0));
if (dear.length > 0) {
  process.stderr.write(
    `Dearer than they should be: ${dear.map((cost) => `${cost.bodyBytes} B x ${cost.batch}`).join(', ')}\n`,
  );
  process.exitCode = 1;
}
