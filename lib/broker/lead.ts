import type { AckMode, Delivery } from '../model/message.ts';
import type { PushOutcome } from '../shard/conclude.ts';
import type { PlannedDelivery } from '../shard/deal.ts';
import type { Context } from '../shard/draft.ts';
import { leaseFrom } from '../shard/lease.ts';
import type { PlannedMessage } from '../shard/take.ts';
import { encodeToken, type Token } from '../shard/token.ts';
import { settle, type Turn, takeTurn } from '../shard/turn.ts';
import type { Commit, Head } from '../store/port.ts';
import { Reading } from './bodies.ts';
import { commitTurn } from './commit.ts';
import { forwardDeadLetters } from './dead-letters.ts';
import { freshNonce, type Mastership } from './inbox.ts';
import type { Broker } from './parts.ts';
import { damageOf } from './quarantine.ts';
import { entriesOf, hasDeadLetters, queueOf, stateOfHead } from './shards.ts';
import { extendBodies, probeConsumers } from './upkeep.ts';

/** Takes what a turn gave to a pull, once that is committed. */
type OnPull = (pull: string, deliveries: readonly Delivery[]) => void;

const nobodyPulls: OnPull = () => {};

/**
 * Takes turns until the lease is given up because nobody rings any more, or until another holds it. After
 * `turnsPerRequest` turns the shard is handed over. Whatever happens between any two steps, the next master finds all
 * that it needs. A shard that is found damaged is set aside.
 */
export async function lead(broker: Broker, mastership: Mastership, onPull: OnPull = nobodyPulls): Promise<void> {
  const { shard } = mastership.head;
  try {
    await takeTurns(broker, mastership, onPull);
  } catch (error) {
    const damage = damageOf(shard, error);
    if (damage) {
      broker.quarantine.add(shard, damage, broker.clock.now());
      broker.log('shard quarantined', { shard }, damage);
    }
    throw error;
  }
}

async function takeTurns(broker: Broker, mastership: Mastership, onPull: OnPull): Promise<void> {
  let { nonce } = mastership.lease;
  let { head, takeover } = mastership;
  let isCalm = true;
  for (let turns = 0; ; turns++) {
    if (turns === broker.turnsPerRequest) return handOver(broker, head, nonce);
    const context = contextOf(broker, head, takeover);
    // One append may bring more than an inbox is meant to hold, and a commit can name only so much.
    const absorbed = Math.min(head.inbox.length, broker.limits.inboxEntries);
    const isRest = absorbed < head.inbox.length;
    const turn = await decide(broker, head, absorbed, context);
    await forwardDeadLetters(broker, head.shard, turn.draft.incarnation, turn.deadLetters);
    const [before, after] = byOrderOfCommit(turn);
    const pushed = await push(broker, head, nonce, turn, before);
    const settled = settle(turn.draft, pushed, context);
    // A release may lose no ring since this read: what rang later may be seen only by the next turn.
    const { rings } = head;
    const mayRelease = () => isCalm && !isRest && (!turn.more || isHeldUp(pushed));
    let outcome = await commitTurn(broker, head, nonce, settled, {
      absorbed,
      releaseAt: mayRelease() && after.length === 0 ? rings : undefined,
    });
    if (!outcome) return;
    answerPulls(head.shard, turn, onPull);
    lookAfter(broker, head.shard, turn);
    if (after.length > 0 && outcome.nonce !== undefined) {
      nonce = outcome.nonce;
      const pushedLate = await push(broker, outcome.head, nonce, turn, after);
      for (const [delivery, result] of pushedLate) pushed.set(delivery, result);
      const settledLate = settle(turn.draft, pushedLate, context);
      const releaseAt = mayRelease() ? rings : undefined;
      outcome = await commitTurn(broker, outcome.head, nonce, settledLate, { absorbed: 0, releaseAt });
      if (!outcome) return;
    }
    head = outcome.head;
    if (outcome.nonce === undefined) return;
    nonce = outcome.nonce;
    isCalm = !outcome.wasRung || head.inbox.length === 0;
    takeover = false;
  }
}

/** Takes turns when the reply is out, if this invocation became the master. */
export function leadLater(broker: Broker, mastership: Mastership | undefined): void {
  if (mastership) broker.defer(() => lead(broker, mastership));
}

function contextOf(broker: Broker, head: Head, takeover: boolean): Context {
  return {
    now: broker.clock.now(),
    limits: broker.limits,
    takeover,
    epoch: broker.epoch,
    deadLetters: hasDeadLetters(head.shard),
    pageKey: broker.random.id(),
  };
}

async function decide(broker: Broker, head: Head, absorbed: number, context: Context): Promise<Turn> {
  const state = stateOfHead(head);
  const entries = entriesOf(head).slice(0, absorbed);
  const reading = new Reading(broker, head.shard);
  const turn = await reading.decide((lookup) => takeTurn(state, entries, lookup, context));
  for (const key of turn.missing) broker.log('body missing', { shard: head.shard, key });
  return turn;
}

/** Pushes that come before the commit, and those that come after it. Pulls are answered, not pushed. */
function byOrderOfCommit(turn: Turn): [PlannedDelivery[], PlannedDelivery[]] {
  const pushes = turn.deliveries.filter((delivery) => delivery.consumer.connection !== '');
  return [pushes.filter((delivery) => !delivery.commitFirst), pushes.filter((delivery) => delivery.commitFirst)];
}

/** Connections in parallel; to one connection, one delivery after the other. */
async function push(
  broker: Broker,
  head: Head,
  nonce: string,
  turn: Turn,
  deliveries: readonly PlannedDelivery[],
): Promise<Map<PlannedDelivery, PushOutcome>> {
  const outcomes = new Map<PlannedDelivery, PushOutcome>();
  const byConnection = Map.groupBy(deliveries, (delivery) => delivery.consumer.connection);
  const until = head.lease?.nonce === nonce ? head.lease.until : 0;
  await Promise.all(
    [...byConnection.values()].map(async (mine) => {
      for (const delivery of mine) outcomes.set(delivery, await pushOne(broker, head.shard, until, turn, delivery));
    }),
  );
  return outcomes;
}

/** What a transport did not take is tried again at the shard's next wake-up, not at once. */
function isHeldUp(pushed: ReadonlyMap<PlannedDelivery, PushOutcome>): boolean {
  return [...pushed.values()].includes('unsent');
}

/** A push cannot be fenced: it is not begun, and not waited for, beyond the lease. */
async function pushOne(
  broker: Broker,
  shard: string,
  until: number,
  turn: Turn,
  { consumer, messages }: PlannedDelivery,
): Promise<PushOutcome> {
  const timeoutMs = Math.min(broker.limits.postMs, until - broker.clock.now());
  if (timeoutMs <= 0) return 'unsent';
  const deliveries = messages.map((message) => deliveryOf(shard, stampOf(turn, consumer.ack), message));
  return broker.outlet.deliver(consumer.connection, consumer.subscription, deliveries, timeoutMs);
}

/** What the tokens of one consumer's deliveries have in common. */
export type Stamp = Pick<Token, 'incarnation' | 'backlog' | 'cumulative'>;

function stampOf({ draft, backlog }: Turn, ack: AckMode): Stamp {
  return { incarnation: draft.incarnation, backlog, cumulative: ack === 'client' };
}

/** What a consumer gets for a message that was planned for it. */
export function deliveryOf(shard: string, stamp: Stamp, planned: Omit<PlannedMessage, 'transient'>): Delivery {
  const { message, sequence, attempt, key, index, redelivered, failures } = planned;
  return {
    message,
    messageId: `${key}-${index}`,
    queue: queueOf(shard),
    token: encodeToken({ ...stamp, shard, sequence, attempt }),
    redelivered,
    deliveryCount: failures + 1,
  };
}

function answerPulls(shard: string, turn: Turn, onPull: OnPull): void {
  for (const { consumer, messages } of turn.deliveries) {
    if (consumer.connection !== '') continue;
    onPull(
      consumer.id,
      messages.map((message) => deliveryOf(shard, stampOf(turn, consumer.ack), message)),
    );
  }
}

/** What a turn leaves to be done that no commit waits for. */
function lookAfter(broker: Broker, shard: string, turn: Turn): void {
  if (turn.extend) broker.defer(() => extendBodies(broker, shard));
  if (turn.probes.length > 0) broker.defer(() => probeConsumers(broker, shard, turn.probes));
}

/** Names the successor's nonce in the lease, so that nobody else comes between. */
async function handOver(broker: Broker, head: Head, nonce: string): Promise<void> {
  const { dispatch } = broker;
  if (!dispatch) return await letGo(broker, head, nonce);
  const successor = freshNonce(broker);
  const lease = leaseFrom(successor, broker.clock.now(), broker.limits);
  const outcome = await broker.store.commit(head.shard, unchanged(head, nonce, lease));
  if (outcome.kind === 'committed') await dispatch(head.shard, successor);
}

/** Gives the lease up with work left. Whoever rings next is the master; if nobody does, the ring is still in the index. */
async function letGo(broker: Broker, head: Head, nonce: string): Promise<void> {
  broker.log('shard let go', { shard: head.shard });
  let seen = head;
  for (;;) {
    const outcome = await broker.store.commit(head.shard, unchanged(seen, nonce, undefined));
    if (outcome.kind !== 'rung') return;
    seen = outcome.head;
  }
}

/** A commit that changes nothing but the lease. */
function unchanged({ state = new Uint8Array(), rings }: Head, nonce: string, lease: Commit['lease']): Commit {
  return { nonce, state, absorbed: 0, lease, rings, blobs: [], wake: undefined, discard: [] };
}
