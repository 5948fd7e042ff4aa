import type { Delivery } from '../model/message.ts';
import type { PushOutcome } from '../shard/conclude.ts';
import type { PlannedDelivery } from '../shard/deal.ts';
import type { Context } from '../shard/draft.ts';
import { leaseFrom } from '../shard/lease.ts';
import { settle, type Turn, takeTurn } from '../shard/turn.ts';
import type { Commit, Head } from '../store/port.ts';
import { type Member, readAudience } from './audience.ts';
import { Reading } from './bodies.ts';
import { commitTurn } from './commit.ts';
import { forwardDeadLetters } from './dead-letters.ts';
import { deliveryOf, stampOf } from './deliveries.ts';
import { extendBodies } from './extension.ts';
import { freshNonce, type Mastership } from './inbox.ts';
import { measureDeliveries } from './measure.ts';
import type { Broker } from './parts.ts';
import { byOrderOfCommit, isHeldUp, push } from './push.ts';
import { damageOf } from './quarantine.ts';
import { entriesOf, hasDeadLetters, stateOfHead } from './shards.ts';
import { probeConsumers } from './upkeep.ts';

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
    const members = await readAudience(broker, head.shard);
    const context = contextOf(broker, head, takeover, members);
    // One append may bring more than an inbox is meant to hold, and a commit can name only so much.
    const absorbed = Math.min(head.inbox.length, broker.limits.inboxEntries);
    const isRest = absorbed < head.inbox.length;
    const turn = await decide(broker, head, absorbed, context);
    await forwardDeadLetters(broker, head.shard, turn.draft.incarnation, turn.deadLetters);
    const [before, after] = byOrderOfCommit(turn);
    // A release may lose no ring since this read: what rang later may be seen only by the next turn.
    const { rings } = head;
    const first = await push(broker, { head, nonce }, turn, before, members);
    if (!first) return;
    const { pushed } = first;
    const settled = settle(turn.draft, pushed, context);
    const mayRelease = () => isCalm && !isRest && (!turn.more || isHeldUp(pushed));
    let outcome = await commitTurn(broker, first.head, first.nonce, settled, {
      absorbed,
      releaseAt: mayRelease() && after.length === 0 ? rings : undefined,
    });
    if (!outcome) return;
    // A fan-out measures its own: it knows to how many it went.
    if (!members) measureDeliveries(broker, head.shard, [...pushed, ...pulled(turn)]);
    answerPulls(head.shard, turn, onPull);
    lookAfter(broker, head.shard, turn);
    if (after.length > 0 && outcome.nonce !== undefined) {
      const late = await push(broker, { head: outcome.head, nonce: outcome.nonce }, turn, after, members);
      if (!late) return;
      for (const [delivery, result] of late.pushed) pushed.set(delivery, result);
      const settledLate = settle(turn.draft, late.pushed, context);
      const releaseAt = mayRelease() ? rings : undefined;
      outcome = await commitTurn(broker, late.head, late.nonce, settledLate, { absorbed: 0, releaseAt });
      if (!outcome) return;
      if (!members) measureDeliveries(broker, head.shard, late.pushed);
    }
    broker.meter('turnMs', broker.clock.now() - context.now, head.shard);
    broker.trace('turn', { shard: head.shard, nonce, absorbed, deliveries: turn.deliveries.length, takeover });
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

function contextOf(broker: Broker, head: Head, takeover: boolean, members: readonly Member[] | undefined): Context {
  return {
    now: broker.clock.now(),
    limits: broker.limits,
    takeover,
    epoch: broker.epoch,
    deadLetters: hasDeadLetters(head.shard),
    audience: members?.length,
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

/** What pulls are answered with, as pushes that arrived. */
function pulled(turn: Turn): (readonly [PlannedDelivery, PushOutcome])[] {
  return turn.deliveries.filter(({ consumer }) => consumer.connection === '').map((delivery) => [delivery, 'sent']);
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
  const { extension } = turn;
  if (extension) broker.defer(() => extendBodies(broker, shard, extension));
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
