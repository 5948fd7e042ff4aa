import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Prng } from '../simulation/prng.ts';
import { brokerOn } from './broker-on.ts';
import { Canary } from './canary.ts';
import { damaged } from './damage.ts';
import { type DamagedPart, damagedStore, rememberingPages } from './damaged-store.ts';
import { inTime, showsTrace, type Tally } from './tally.ts';

/** Enough for references to be written out as pages. */
const BACKLOG = 40;
const parts = ['state', 'entry', 'batch', 'page'] as const satisfies readonly DamagedPart[];
const clear = ['CORRUPT', 'UNAVAILABLE'];

/** Starts a broker on data of which one part of one queue is damaged: it refuses that queue, and serves the others. */
export async function fuzzDamage(prng: Prng, tally: Tally): Promise<void> {
  const { store, pages } = rememberingPages(new MemoryStore());
  const before = await brokerOn(store);
  for (let i = 0; i < BACKLOG; i++) await post(`${before.urls.url}/v1/queues/hurt/messages`, { body: `hurt ${i}` });
  await before.close();
  const part = prng.pick<DamagedPart>(parts);
  const kind = `damaged ${part} in a broker`;
  tally.tried(kind);
  const damage = (bytes: Uint8Array) => damaged(bytes, prng);
  const broker = await brokerOn(
    damagedStore(store, { pages }, { shard: '/queue/hurt', part, damage }),
    (event, _, error) => {
      if (error?.code === 'INTERNAL') tally.crashed(kind, error.cause, event);
    },
  );
  const queue = `${broker.urls.url}/v1/queues/hurt`;
  for (const [path, body] of [
    ['/receive', { max: BACKLOG }],
    ['/messages', { body: 'more' }],
    ['/receive', { max: 1 }],
  ] as const) {
    const reply = await inTime(post(`${queue}${path}`, body));
    if (reply === undefined) tally.hung(kind, path);
    else if (showsTrace(reply.text)) tally.leaked(kind, `a trace: ${reply.text}`, path);
    else if (reply.code !== undefined && !clear.includes(reply.code)) tally.leaked(kind, reply.text, path);
  }
  const canary = await Canary.hatch(broker.urls.stompUrl);
  if (!(await inTime(canary.sings()))) tally.hung(`${kind}: the canary`, part);
  canary.die();
  await broker.close();
}

async function post(url: string, body: unknown): Promise<{ code: string | undefined; text: string }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  return { text, code: (JSON.parse(text) as { error?: { code: string } }).error?.code };
}
