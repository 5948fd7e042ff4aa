import { type Limits, localLimits } from '../../../lib/model/limits.ts';
import type { AckMode, Message } from '../../../lib/model/message.ts';
import type { Entry, Request } from '../../../lib/shard/codec/entry.ts';
import type { PushOutcome } from '../../../lib/shard/conclude/conclude.ts';
import type { ForwardOutcome } from '../../../lib/shard/plan/forwards.ts';
import type { Context, Lookup } from '../../../lib/shard/state/draft.ts';
import { decodePage, type Reference } from '../../../lib/shard/state/reference.ts';
import { emptyState, type State } from '../../../lib/shard/state/state.ts';
import { decideTurn, type FinishedTurn, finishTurn, type Turn } from '../../../lib/shard/turn.ts';

export const NOW = 1_700_000_000_000;
const BORN = NOW / 1000;

export type Taken = { readonly turn: Turn; readonly settled: FinishedTurn };

/** One shard whose items lie in a map; a turn that is not told otherwise pushes well and commits. */
export class OneShard {
  state: State = emptyState('abcdef');
  readonly batches = new Map<string, readonly Message[]>();
  readonly pages = new Map<string, readonly Reference[]>();
  readonly discarded: string[] = [];
  readonly limits: Limits;
  #ids = 0;
  #turns = 0;

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...localLimits, ...limits };
  }

  entry(request: Request, attempt = 1, id = String(++this.#ids).padStart(8, '0')): Entry {
    return { id, attempt, ...request } as Entry;
  }

  /** A batch of its own for these messages; each is named by the time it expires, 0 for never. */
  send(expiries: readonly number[], transient = false): Entry {
    const key = `batch-${this.#ids + 1}`;
    const bodies = expiries.map((expires, i): Message => {
      const headers: Record<string, string> = expires > 0 ? { expires: String(expires) } : {};
      return { body: Buffer.from(`${key}/${i}`), text: true, headers, timestamp: NOW };
    });
    this.batches.set(key, bodies);
    const expires = Math.min(...expiries.filter((time) => time > 0), Number.MAX_SAFE_INTEGER);
    const earliest = expires === Number.MAX_SAFE_INTEGER ? 0 : expires;
    return this.entry({
      kind: 'send',
      key,
      born: BORN,
      runs: [{ count: expiries.length, transient, expires: earliest }],
    });
  }

  join(ack: AckMode, prefetch: number): Entry {
    return this.entry({ kind: 'join', connection: 'c', subscription: 's', ack, prefetch });
  }

  acknowledge(first: number, count: number, attempt: number): Entry {
    return this.entry({ kind: 'acknowledge', incarnation: 'abcdef', deliveries: [{ first, count, attempt }] });
  }

  context(over: Partial<Context> = {}): Context {
    const pageKey = `page${++this.#turns}`;
    const queue = {
      deadLetters: true,
      audience: undefined,
      bodiesExpire: false,
      congested: new Set<string>(),
      refused: new Map<string, number>(),
    };
    const { now = NOW } = over;
    return { now, date: now, limits: this.limits, takeover: false, epoch: '', pageKey, ...queue, ...over };
  }

  decide(entries: readonly Entry[], context: Context): Turn {
    const read = new Set<string>();
    const lookup: Lookup = {
      page: (key) => (read.has(key) ? (this.pages.get(key) ?? null) : undefined),
      batch: (key) => (read.has(key) ? (this.batches.get(key) ?? null) : undefined),
    };
    for (;;) {
      const decided = decideTurn(this.state, entries, lookup, context);
      if (decided.kind === 'turn') return decided;
      for (const key of [...decided.pages, ...decided.batches]) read.add(key);
    }
  }

  /** Decides, pushes with one outcome for all, forwards, and commits. */
  take(
    entries: readonly Entry[],
    over: Partial<Context> = {},
    outcome: PushOutcome = 'sent',
    forwarded: ForwardOutcome = 'taken',
  ): Taken {
    const context = this.context(over);
    const turn = this.decide(entries, context);
    const pushes = turn.deliveries.filter(({ consumer }) => consumer.connection !== '');
    const pushed = new Map(pushes.map((delivery) => [delivery, outcome]));
    const outcomes = { pushed, forwarded: turn.forwards.map((forward) => ({ forward, outcome: forwarded })) };
    const settled = finishTurn(turn.draft, outcomes, context);
    this.state = settled.state;
    for (const { key, bytes } of settled.pages) this.pages.set(key, decodePage(key, bytes));
    for (const key of settled.discard) {
      this.discarded.push(key);
      this.pages.delete(key);
      this.batches.delete(key);
    }
    return { turn, settled };
  }

  /** What a turn gives to all consumers, in order. */
  static given({ deliveries }: Turn) {
    return deliveries.flatMap(({ messages }) => messages);
  }
}
