import type { Limits } from '../../../lib/model/limits.ts';
import { windowOf } from '../../../lib/shard/plan/window.ts';
import { readyCount, total } from '../../../lib/shard/state/draft.ts';
import type { State } from '../../../lib/shard/state/state.ts';
import { must } from './violation.ts';

const STATE_BYTES_MAX = 8192;
/** Four, and those who would wait for twice as long behind them. */
const ASLEEP_MAX = 10;
const OUTGOING_BYTES = 14;

/** Every message that was sent is ready, in flight, or done in a way that is counted. */
export function checkCounts(shard: string, state: State, standing: number): void {
  const { counts, flights, delayed, outgoing, apart, next } = state;
  const { sent, acknowledged, deadLettered, expired, purged, dropped } = counts;
  const done = acknowledged + deadLettered + expired + purged + dropped;
  const live = readyCount(state) + total(flights) + total(delayed) + total(outgoing);
  must(apart.length === 0, 'no body is missing that is needed', shard, apart);
  must(sent === live + done && sent === next - 1, 'what was sent is accounted for', shard, counts, live, next);
  must(standing === live, 'what stands is ready, in flight, delayed or outgoing', shard, standing, live);
}

export function checkBounds(shard: string, state: State, octets: number, limits: Limits): void {
  const { consumers, flights, outgoing, references } = state;
  for (const consumer of consumers) {
    const mine = total(flights.filter((flight) => flight.consumer === consumer.number));
    must(mine <= consumer.prefetch, 'in flight never exceeds prefetch', shard, consumer, mine);
  }
  const connected = consumers.filter(({ connection }) => connection !== '').length;
  must(connected <= limits.consumersPerShard, 'a shard has so many consumers and no more', shard, connected);
  const flying = total(flights) + total(state.delayed);
  must(flying <= limits.inFlightPerShard, 'a shard holds so many in flight and no more', shard, flying);
  must(outgoing.length <= outgoingMax(limits), 'so much waits for another shard and no more', shard, outgoing);
  must(state.awaited.length <= ASLEEP_MAX, 'few sleep for a shard', shard, state.awaited);
  must(octets <= STATE_BYTES_MAX, 'the state is bounded', shard, octets);
  let run = 0;
  references.forEach(({ level }, i) => {
    run = i > 2 && level === references[i - 1]?.level ? run + 1 : 1;
    must(i < 2 || run <= limits.referencesPerLevel, 'references of one level roll up', shard, run);
  });
}

/** Each range takes some octets of its own, and what was in flight when they were used up may follow. */
function outgoingMax({ outgoingBytes, inFlightPerShard }: Limits): number {
  return Math.ceil(outgoingBytes / OUTGOING_BYTES) + inFlightPerShard;
}

/** Some message is ready, and some consumer that is not of an earlier process has room for it. */
export function canDeliver(state: State, limits: Limits, epoch: string): boolean {
  if (readyCount(state) === 0 || windowOf(state, limits) === 0) return false;
  return state.consumers.some(({ connection, number, prefetch }) => {
    if (connection === '' || !connection.startsWith(epoch)) return false;
    return total(state.flights.filter((flight) => flight.consumer === number)) < prefetch;
  });
}
