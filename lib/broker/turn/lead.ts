import { asBrokerError } from '../../model/errors.ts';
import type { Delivery } from '../../model/message.ts';
import type { PushOutcome } from '../../shard/conclude/conclude.ts';
import { RETRY_MS } from '../../shard/conclude/wake-up.ts';
import type { PlannedDelivery } from '../../shard/plan/deal.ts';
import type { Forward } from '../../shard/plan/forwards.ts';
import { canServe } from '../../shard/plan/servers.ts';
import type { Context } from '../../shard/state/draft.ts';
import { decideTurn, type Forwarded, finishTurn, type Outcomes, type Turn } from '../../shard/turn.ts';
import type { Head } from '../../store/port.ts';
import { Reading } from '../bodies/reading.ts';
import type { Broker } from '../broker.ts';
import type { Mastership } from '../inbox/leases.ts';
import { damageOf } from '../quarantine.ts';
import { entriesOf, hasDeadLetters, stateOfHead } from '../shards.ts';
import { type Member, readAudience } from './audience.ts';
import { type Committed, commitTurn } from './commit.ts';
import { deliveryOf, stampOf } from './deliveries.ts';
import type { HeldLease } from './fan-out.ts';
import { measureDeliveries } from './measure.ts';
import { byOrderOfCommit, heldUntil, heldUp, type Pushed, push } from './push.ts';
import { abandon, type Held, handOver } from './yield.ts';

/** Takes what a turn gave to a pull, once that is committed. */
type OnPull = (pull: string, deliveries: readonly Delivery[]) => void;

const nobody: ReadonlySet<string> = new Set();
const nobodyPulls: OnPull = () => {};

/**
 * Takes turns until the lease is given up because nobody rings any more, or until another holds it. After
 * `turnsPerRequest` turns the shard is handed over. Whatever happens between any two steps, the next master finds all
 * that it needs. A shard that is found damaged is set aside.
 */
export async function lead(broker: Broker, mastership: Mastership, onPull: OnPull = nobodyPulls): Promise<void> {
  const { head, lease, takeover } = mastership;
  const held: Held = { head, nonce: lease.nonce, hasPushed: takeover, refused: new Map() };
  try {
    await takeTurns(broker, held, takeover, onPull);
  } catch (error) {
    const damage = damageOf(head.shard, error);
    if (damage) {
      broker.quarantine.add(head.shard, damage, broker.clock.now());
      broker.log('shard quarantined', { shard: head.shard }, damage);
    }
    await abandon(broker, held, asBrokerError(error));
    throw error;
  }
}

async function takeTurns(broker: Broker, held: Held, isTakeover: boolean, onPull: OnPull): Promise<void> {
  let takeover = isTakeover;
  let isCalm = true;
  for (let turns = 0; ; turns++) {
    if (turns === broker.turnsPerRequest) return await handOver(broker, held);
    const taken = await takeTurn(broker, held, { takeover, isCalm }, onPull);
    if (!taken) return;
    isCalm = !taken.wasRung || taken.head.inbox.length === 0;
    takeover = false;
  }
}

type Circumstances = {
  readonly takeover: boolean;
  /** False while the shard is being rung: then nobody tries to give the lease up. */
  readonly isCalm: boolean;
};

/** @returns undefined if the lease was given up, or is another's */
async function takeTurn(
  broker: Broker,
  held: Held,
  { takeover, isCalm }: Circumstances,
  onPull: OnPull,
): Promise<Committed | undefined> {
  const { head, nonce } = held;
  const { shard } = head;
  const members = await readAudience(broker, shard);
  // One append may bring more than an inbox is meant to hold, and a commit can name only so much.
  const absorbed = Math.min(head.inbox.length, broker.limits.inboxEntries);
  const isRest = absorbed < head.inbox.length;
  const startedAt = broker.clock.now();
  const pageKey = broker.random.id();
  const contextNow = () => contextOf(broker, held, takeover, members, pageKey);
  const { turn, context } = await decide(broker, head, absorbed, contextNow);
  const pulls = turn.draft.pulls.map(({ id }) => id);
  const [before, after] = byOrderOfCommit(turn);
  const early = turn.forwards.filter(({ commitFirst }) => !commitFirst);
  const late = turn.forwards.filter(({ commitFirst }) => commitFirst);
  held.hasPushed ||= before.length > 0 || early.length > 0;
  const first = await sendOut(broker, held, turn, { deliveries: before, forwards: early }, members);
  if (!first) return undefined;
  const finished = finishTurn(turn.draft, first, context);
  holdBack(held, first.pushed, context);
  const mayRelease = (more: boolean) => isCalm && !isRest && !more && !goesOn(held, turn, first.pushed, context);
  // A release may lose no ring since the read: what rang later may be seen only by the next turn.
  const isOver = after.length === 0 && late.length === 0;
  const releaseAt = isOver && mayRelease(finished.more) ? head.rings : undefined;
  let outcome = await commitTurn(broker, held.head, held.nonce, finished, { absorbed, releaseAt });
  if (!outcome) return undefined;
  // A fan-out measures its own: it knows to how many it went.
  if (!members) measureDeliveries(broker, shard, [...first.pushed, ...pulled(turn)], first.expired);
  answerPulls(shard, turn, pulls, onPull);
  lookAfter(broker, shard, turn);
  if (!isOver && outcome.nonce !== undefined) {
    Object.assign(held, { head: outcome.head, nonce: outcome.nonce, hasPushed: true });
    const second = await sendOut(broker, held, turn, leftOf(held.head, after, late), members);
    if (!second) return undefined;
    for (const [delivery, result] of second.pushed) first.pushed.set(delivery, result);
    holdBack(held, second.pushed, context);
    const finishedLate = finishTurn(turn.draft, second, context);
    const release = { absorbed: 0, releaseAt: mayRelease(finishedLate.more) ? head.rings : undefined };
    outcome = await commitTurn(broker, held.head, held.nonce, finishedLate, release);
    if (!outcome) return undefined;
    if (!members) measureDeliveries(broker, shard, second.pushed, second.expired);
  }
  broker.quarantine.recovered(shard);
  broker.meter('turnMs', broker.clock.now() - startedAt, shard);
  broker.trace('turn', { shard, nonce, absorbed, deliveries: turn.deliveries.length, takeover });
  if (outcome.nonce === undefined) return undefined;
  Object.assign(held, { head: outcome.head, nonce: outcome.nonce, hasPushed: false });
  return outcome;
}

/** Who was refused something gets nothing of the turns that come, for a while: nobody else waits with it. */
function holdBack(held: Held, pushed: Pushed['pushed'], { now }: Context): void {
  const again = heldUp(pushed).map((consumer) => [consumer, now + RETRY_MS] as const);
  held.refused = new Map([...held.refused, ...again].filter(([, until]) => until > now));
}

/**
 * Whether the next turn has something to do at once. What pushes gave back goes to others who have room; where all are
 * held back, a wake-up brings it.
 */
function goesOn({ refused }: Held, turn: Turn, pushed: Pushed['pushed'], context: Context): boolean {
  if (turn.draft.givenBack && canServe(turn.draft, { ...context, refused })) return true;
  return turn.more && heldUp(pushed).length === 0;
}

/** What a turn sends out at one time. */
type Outbound = {
  readonly deliveries: readonly PlannedDelivery[];
  readonly forwards: readonly Forward[];
  /** Deliveries to consumers that are leaving: they never go out. */
  readonly unsent?: readonly PlannedDelivery[];
};

/** What goes out after a commit. To a consumer that is leaving, by the inbox as the commit found it, nothing does. */
function leftOf(head: Head, after: readonly PlannedDelivery[], forwards: readonly Forward[]): Outbound {
  const leaving = new Set(entriesOf(head).flatMap((entry) => (entry.kind === 'leave' ? [entry.consumer] : [])));
  const unsent = after.filter(({ consumer }) => leaving.has(consumer.id));
  return { deliveries: after.filter((delivery) => !unsent.includes(delivery)), forwards, unsent };
}

/** Pushes and forwards at the same time. @returns undefined if the lease was lost on the way */
async function sendOut(
  broker: Broker,
  held: Held,
  turn: Turn,
  { deliveries, forwards, unsent = [] }: Outbound,
  members: readonly Member[] | undefined,
): Promise<(Outcomes & Omit<Pushed, keyof HeldLease>) | undefined> {
  const { shard } = held.head;
  const forwarding = forwards.map(async (forward): Promise<Forwarded> => {
    const { incarnation } = turn.draft;
    return { forward, outcome: await broker.effects.forward(broker, shard, incarnation, forward, heldUntil(held)) };
  });
  // What has begun is waited for, whatever becomes of the rest: nothing goes out once the turn is given up.
  const pushing = await settled(push(broker, held, turn, deliveries, members));
  const forwarded = await Promise.all(forwarding);
  if (pushing.status === 'rejected') throw pushing.reason;
  const after = pushing.value;
  if (!after) return undefined;
  Object.assign(held, { head: after.head, nonce: after.nonce });
  const { pushed, expired } = after;
  for (const delivery of unsent) pushed.set(delivery, 'unsent');
  return { pushed, expired, forwarded };
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}

function contextOf(
  broker: Broker,
  { head, refused }: Held,
  takeover: boolean,
  members: readonly Member[] | undefined,
  pageKey: string,
): Context {
  const now = broker.clock.now();
  return {
    now,
    date: broker.clock.date(),
    limits: broker.limits,
    takeover,
    epoch: broker.epoch,
    deadLetters: hasDeadLetters(head.shard),
    audience: members?.length,
    bodiesExpire: broker.store.bodiesExpire,
    congested: broker.outlet.congestion?.now() ?? nobody,
    refused: new Map([...refused].filter(([, until]) => until > now)),
    pageKey,
  };
}

/** Each reading takes its time: what is decided is decided by what the clock says after the last one. */
async function decide(
  broker: Broker,
  head: Head,
  absorbed: number,
  contextNow: () => Context,
): Promise<{ readonly turn: Turn; readonly context: Context }> {
  const state = stateOfHead(head);
  const entries = entriesOf(head).slice(0, absorbed);
  const reading = new Reading(broker, head.shard);
  const decided = await reading.decide((lookup) => {
    const context = contextNow();
    const turn = decideTurn(state, entries, lookup, context);
    return turn.kind === 'turn' ? { kind: 'decided' as const, turn, context } : turn;
  });
  for (const key of decided.turn.missing) broker.log('body missing', { shard: head.shard, key });
  return decided;
}

/** What pulls are answered with, as pushes that arrived. */
function pulled(turn: Turn): (readonly [PlannedDelivery, PushOutcome])[] {
  return turn.deliveries.filter(({ consumer }) => consumer.connection === '').map((delivery) => [delivery, 'sent']);
}

/** One for whom nothing was left is told so: it stands in line again. */
function answerPulls(shard: string, turn: Turn, pulls: readonly string[], onPull: OnPull): void {
  const served = new Map(turn.deliveries.map((delivery) => [delivery.consumer.id, delivery]));
  for (const pull of pulls) {
    const { consumer, messages = [] } = served.get(pull) ?? {};
    const stamp = consumer && stampOf(turn, consumer.ack);
    onPull(pull, stamp ? messages.map((message) => deliveryOf(shard, stamp, message)) : []);
  }
}

/** What a turn leaves to be done that no commit waits for. */
function lookAfter(broker: Broker, shard: string, turn: Turn): void {
  const { keepAlive: due } = turn;
  if (due) broker.defer(() => broker.effects.keepAlive(broker, shard, due));
  for (const connection of turn.leftOut) {
    broker.outlet.congestion?.onDrained(connection, shard, () => {
      const now = broker.clock.now();
      broker.wakeAt(shard, now, now);
    });
  }
  if (turn.probes.length > 0) broker.defer(() => broker.effects.probe(broker, shard, turn.probes));
}
