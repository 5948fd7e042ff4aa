import { deepStrictEqual } from 'node:assert/strict';
import type { Message } from '../../lib/model/message.ts';
import { decodeBatch } from '../../lib/shard/codec/batch.ts';
import type { Entry } from '../../lib/shard/codec/entry.ts';
import { decodeState, encodeState } from '../../lib/shard/codec/state-codec.ts';
import type { Pushes, PushOutcome } from '../../lib/shard/conclude/conclude.ts';
import type { PlannedDelivery } from '../../lib/shard/plan/deal.ts';
import { isExpired } from '../../lib/shard/plan/expiry.ts';
import type { Forward } from '../../lib/shard/plan/forwards.ts';
import type { Context, Lookup, Needs } from '../../lib/shard/state/draft.ts';
import type { Reference } from '../../lib/shard/state/reference.ts';
import { decideTurn, type Forwarded, finishTurn, type Outcomes, type Turn } from '../../lib/shard/turn.ts';
import { viewOf } from '../../lib/shard/view.ts';
import { must } from '../simulation/checks/violation.ts';
import type { Clients } from './shard-clients.ts';
import type { TakeTurn } from './shard-commands.ts';
import { checkBounds, checkCommit } from './shard-commit-check.ts';
import { standingsOf } from './shard-ledger.ts';
import { checkPlan } from './shard-plan-check.ts';
import type { World } from './shard-world.ts';

/**
 * A shard's masters, one after the other, some of which die in their turn. Every plan and every commit is checked
 * against what was sent, given and answered.
 */
export class Masters {
  readonly #world: World;
  readonly #clients: Clients;
  #turns = 0;
  #wakeAt: number | undefined;
  /** The last commit calls for another turn. */
  #more = false;
  /** How much of the inbox was seen: a successor sees at least what the dead master saw. */
  #seen = 0;
  /** The master before died: its lease is still there. */
  #takeover = false;

  constructor(world: World, clients: Clients) {
    this.#world = world;
    this.#clients = clients;
  }

  turn(command: TakeTurn): void {
    const { leaves, death, target } = command;
    const { state, standings, history } = this.#world;
    this.#seen = Math.max(this.#seen, this.#world.inboxCount - leaves, 0);
    const entries = this.#world.entries(this.#seen);
    const context = this.#context(`page${++this.#turns}`);
    viewOf(state, entries, context);
    const turn = this.#decide(entries, context);
    checkPlan(history, state, standings, entries, turn, context);
    this.#takeover = true;
    if (death === 'before-push') return;
    const pushes = turn.deliveries.filter(({ consumer }) => consumer.connection !== '');
    const first = pushes.filter(({ commitFirst }) => !commitFirst);
    const late = pushes.filter(({ commitFirst }) => commitFirst);
    const { pushed, expired } = this.#push(first, command);
    const lateForwards = turn.forwards.filter(({ commitFirst }) => commitFirst);
    const early = turn.forwards.filter(({ commitFirst }) => !commitFirst);
    const forwarded = early.map((forward) => this.#forward(forward, target));
    if (death === 'after-push') return;
    this.#commit(entries, turn, { pushed, expired, forwarded }, context);
    for (const delivery of turn.deliveries) if (delivery.consumer.connection === '') this.#clients.deliver(delivery);
    if (death === 'after-commit') return;
    if (late.length + lateForwards.length > 0) {
      const pushedLate = this.#push(late, command);
      const forwardedLate = lateForwards.map((forward) => this.#forward(forward, target));
      if (death === 'after-late-push') return;
      this.#commit([], turn, { ...pushedLate, forwarded: forwardedLate }, context);
    }
    this.#takeover = false;
    if (!turn.more && !this.#more) this.#checkSleep(context);
  }

  #context(pageKey: string): Context {
    const { now, limits, epoch, bodiesExpire } = this.#world;
    return {
      bodiesExpire,
      now,
      date: now,
      limits,
      takeover: this.#takeover,
      epoch,
      deadLetters: true,
      audience: undefined,
      congested: new Set(),
      refused: new Map(),
      pageKey,
    };
  }

  #decide(entries: readonly Entry[], context: Context): Turn {
    const pages = new Map<string, readonly Reference[]>();
    const batches = new Map<string, readonly Message[]>();
    const lookup: Lookup = { page: (key) => pages.get(key), batch: (key) => batches.get(key) };
    for (let rounds = 0; rounds < 1000; rounds++) {
      const decided: Turn | Needs = decideTurn(this.#world.state, entries, lookup, context);
      if (decided.kind === 'turn') return decided;
      for (const key of decided.pages) pages.set(key, this.#world.page(key));
      for (const key of decided.batches) batches.set(key, decodeBatch(key, this.#world.read(key)));
    }
    throw new Error('the turn asks for ever');
  }

  #push(
    deliveries: readonly PlannedDelivery[],
    { outcomes, lateMs, early }: TakeTurn,
  ): Pushes & { readonly expired: ReadonlySet<number> } {
    const pushed = new Map<PlannedDelivery, PushOutcome>();
    const expired = new Set<number>();
    if (deliveries.length > 0) this.#world.now += lateMs;
    const date = this.#world.now;
    deliveries.forEach((delivery, i) => {
      const outcome = outcomes[i % outcomes.length] ?? 'sent';
      const messages = delivery.messages.filter(({ message }) => !isExpired(message, date));
      for (const planned of delivery.messages) if (!messages.includes(planned)) expired.add(planned.sequence);
      if (messages.length === 0) return;
      pushed.set(delivery, outcome);
      if (outcome === 'unknown') for (const { sequence } of messages) this.#world.history.unheard.add(sequence);
      if (outcome === 'gone' || outcome === 'unsent') return;
      this.#clients.deliver({ ...delivery, messages });
      if (early) this.#clients.answer({ ...delivery, messages });
    });
    return { pushed, expired };
  }

  /** Another shard tells a repeat by its number; what was never said to be a repeat it may take without a look. */
  #forward(forward: Forward, target: TakeTurn['target']): Forwarded {
    const { standings, history, state } = this.#world;
    if (forward.target !== undefined)
      return { forward, outcome: history.transactions.forwarded(state, forward, target) };
    const { forwarded } = history;
    for (const { number, sequence } of forward.messages) {
      must(standings.get(sequence)?.outgoing === number, 'what is forwarded is outgoing by a commit', sequence, number);
    }
    if (target === 'refused') return { forward, outcome: 'refused' };
    for (const { number, sequence } of forward.messages) {
      const known = forwarded.get(number);
      must(
        known === undefined || known === sequence,
        'a forward number is that of one message',
        number,
        known,
        sequence,
      );
      must(known === undefined || forward.mayBeRepeat, 'a repeated forward is said to be one', number);
      forwarded.set(number, sequence);
    }
    return { forward, outcome: target === 'taken' ? 'taken' : 'unknown' };
  }

  #commit(absorbed: readonly Entry[], turn: Turn, outcomes: Outcomes, context: Context): void {
    const world = this.#world;
    const settled = finishTurn(turn.draft, outcomes, context);
    const bytes = Uint8Array.from(encodeState(settled.state));
    const state = freeze(decodeState(bytes));
    deepStrictEqual(state, settled.state, 'the codec lost something');
    for (const { key, bytes: page } of settled.pages) world.write(key, page);
    for (const key of settled.discard) world.discard(key);
    const standings = standingsOf(state, (key) => world.page(key));
    for (const { key } of standings.values()) world.read(key);
    const before = { state: world.state, standings: world.standings };
    world.history.transactions.committed(before, { state, standings }, absorbed, context.takeover);
    checkCommit(world.history, before, { state, standings }, absorbed, turn, outcomes, context);
    checkBounds(state, world.limits);
    world.state = state;
    world.hadCopies ||= state.references.some(({ level, flagged }) => level > 0 && flagged);
    world.standings = standings;
    world.remove(absorbed.length);
    this.#wakeAt = settled.wakeAt;
    this.#more = settled.more;
    this.#seen = 0;
  }

  /** The lease is given up: what can be done has a wake-up, and a wake-up that is due has something to do. */
  #checkSleep(context: Context): void {
    if (this.#world.inboxCount > 0) return;
    const again = { ...context, takeover: false, pageKey: 'unused' };
    const turn = this.#decide([], again);
    const hasWork = turn.deliveries.length > 0 || turn.forwards.length > 0;
    const { state } = finishTurn(turn.draft, { pushed: new Map() }, again);
    const isIdle = Buffer.compare(encodeState(state), encodeState(this.#world.state)) === 0;
    const wakeAt = this.#wakeAt ?? Number.POSITIVE_INFINITY;
    if (hasWork && wakeAt > context.now + 60_000) throw new Error('work is left, and nothing will wake the shard');
    if (wakeAt <= context.now && isIdle)
      throw new Error('the shard wakes at once, again and again, with nothing to do');
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
