import type { Entry } from '../../../lib/shard/codec/entry.ts';
import { total } from '../../../lib/shard/state/draft.ts';
import type { Consumer, State } from '../../../lib/shard/state/state.ts';
import type { Standing } from '../../property/shard-ledger.ts';
import { must } from './violation.ts';

/** One commit, as far as it says which messages somebody may have had. */
export type Flagging = {
  readonly shard: string;
  readonly was: State;
  readonly standings: ReadonlyMap<number, Standing>;
  readonly absorbed: readonly Entry[];
  readonly isTakeover: boolean;
  /** Connections to which a post failed since the commit before. */
  readonly doubted: ReadonlySet<string>;
  readonly prefetchMax: number;
  /** Whether a message of this batch expires, or did: nobody may have looked which. */
  readonly mayExpire: (key: string) => boolean;
  /** Flagged before, a repeat, in flight once, or posted: flagged with reason. */
  readonly isKnown: (sequence: number, standing: Standing) => boolean;
};

/**
 * What nobody can have had is not flagged. A dead master pushed no more than its consumers had room for; a delivery of
 * several posts of which one failed is doubted as a whole, and is no more than its consumer's prefetch.
 */
export function checkFlags(flagging: Flagging): void {
  const { shard, was, standings, absorbed, isTakeover, doubted, isKnown } = flagging;
  const suspects = [...standings].filter(([sequence, s]) => s.redelivered && !isKnown(sequence, s)).length;
  const consumers = [...was.consumers, ...absorbed.filter((entry) => entry.kind === 'join')];
  const doubts = roomOf(consumers.filter(({ connection }) => doubted.has(connection)));
  must(isTakeover || suspects <= doubts, 'what nobody can have had is not flagged', shard, suspects, doubts);
  const room = doubts + roomOf(consumers) + roomMade(flagging);
  must(suspects <= room, 'a takeover suspects no more than there was room for', shard, suspects, room);
}

function roomOf(consumers: readonly Pick<Consumer, 'prefetch'>[]): number {
  return consumers.reduce((sum, { prefetch }) => sum + prefetch, 0);
}

/** What ended by the inbox made room; and where something may have expired, a whole batch is passed over. */
function roomMade({ absorbed, prefetchMax, standings, mayExpire }: Flagging): number {
  let room = 0;
  for (const entry of absorbed) {
    if ('deliveries' in entry) room += total(entry.deliveries);
    else if (entry.kind === 'transact')
      room += total(entry.settles.flatMap((s) => ('deliveries' in s ? s.deliveries : [])));
    else if (entry.kind === 'receive') room += entry.max;
    else if ('upTo' in entry) room += entry.upTo ? prefetchMax : 1;
    else if (entry.kind.endsWith('-up-to')) room += prefetchMax;
    else if (entry.kind === 'send') room += total(entry.runs.filter((run) => run.expires > 0));
  }
  return room + [...standings.values()].filter(({ key }) => mayExpire(key)).length;
}
