import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import { Prng } from '../simulation/prng.ts';
import { brokerOn } from './broker-on.ts';
import { Canary } from './canary.ts';
import { fuzzCodecs } from './fuzz-codecs.ts';
import { fuzzDamage } from './fuzz-damage.ts';
import { fuzzRest } from './fuzz-rest.ts';
import { fuzzStomp } from './fuzz-stomp.ts';
import type { Document } from './openapi-document.ts';
import { RestRequests } from './rest-requests.ts';
import { Tally } from './tally.ts';

/** How many inputs one broker gets. The next one begins with nothing: what it was sent is not what it leaks. */
const ROUND = 500;
const CODECS = 100;
/** What the process may grow by, once it is warm. */
const GROWTH_BYTES = 512 * 2 ** 20;
const HANGS_MAX = 10;

/** Feeds brokers in this process with odd inputs of every kind, until the time is over. */
export async function runFuzz(seconds: number, seed: number): Promise<Tally> {
  const prng = new Prng(seed);
  const tally = new Tally();
  const onCrash = (error: unknown) => tally.crashed('the process', error, '');
  process.on('uncaughtException', onCrash).on('unhandledRejection', onCrash);
  const end = performance.now() + seconds * 1000;
  let warm: number | undefined;
  for (let round = 0; performance.now() < end && tally.hangs.length < HANGS_MAX; round++) {
    await runRound(prng, tally, end);
    const used = process.memoryUsage().rss;
    warm ??= used;
    if (used > warm + GROWTH_BYTES) tally.leaked('memory', `${Math.round(used / 2 ** 20)} MiB`, `round ${round}`);
  }
  process.off('uncaughtException', onCrash).off('unhandledRejection', onCrash);
  return tally;
}

async function runRound(prng: Prng, tally: Tally, end: number): Promise<void> {
  const broker = await brokerOn(new MemoryStore(), (event, _, error) => {
    if (error?.code === 'INTERNAL') tally.crashed('the broker', error.cause, event);
  });
  const { url, stompUrl } = broker.urls;
  const canary = await Canary.hatch(stompUrl);
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  const requests = new RestRequests(document, new URL(url).host);
  const loot = { tokens: [], ids: [] };
  for (let i = 0; i < ROUND && performance.now() < end && tally.hangs.length < HANGS_MAX; i++) {
    if (prng.chance(0.5)) await fuzzStomp(stompUrl, canary, prng, tally, loot);
    else await fuzzRest(url, canary, requests, prng, tally);
    if (i % 10 === 0) for (let n = 0; n < CODECS; n++) fuzzCodecs(prng, tally);
    if (i % 100 === 0) await fuzzDamage(prng, tally);
  }
  canary.die();
  await broker.close();
}
