import type { Destination } from '../../model/destination.ts';
import { BrokerError } from '../../model/errors.ts';
import type { OutgoingMessage } from '../../model/message.ts';
import { shortId } from '../../shard/absorb/repeats.ts';
import type { OnwardPart, OwnPart, Request, Settle } from '../../shard/codec/entry.ts';
import type { Decision } from '../../shard/state/state.ts';
import type { Blob, Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { isWorthRetrying } from '../inbox/append.ts';
import { type Batch, blobOf, intoBatches, runsOf } from '../inbox/batches.ts';
import { checkSize } from '../inbox/message-size.ts';
import { leadLater, request } from '../requests.ts';
import { isTopic, queueOf, shardAt, stateOfHead } from '../shards.ts';
import { awaitAbsorbed, nextHead } from './absorbed.ts';
import { recordQueue } from './queues.ts';
import { requestsOf, type Settling } from './settling.ts';

/** What is to happen at once, or not at all. */
export type Transaction = {
  /** In their order: messages of one destination arrive so. */
  readonly sends: readonly AddressedMessage[];
  readonly settles: readonly { readonly shard: string; readonly settling: Settling }[];
  /** Whose deliveries end. Default: whoever has their tokens may end them. */
  readonly connection?: string;
};

export type AddressedMessage = { readonly destination: Destination; readonly message: OutgoingMessage };

/** `unknown`: nobody can tell, or not yet. */
export type TransactionState = 'committed' | 'aborted' | 'unknown';

/** The entry of a transaction, in the inbox of the shard that decides it. */
export type TransactionPlace = { readonly shard: string; readonly entry: string };

/** The most that one transaction may send and end, and the most destinations that it may send to. */
export const ACTIONS_MAX = 1000;
const DESTINATIONS_MAX = 100;

/** For so long the reply waits for other shards to take what was committed. */
const TAKEN_MS = 5000;

/**
 * Where a transaction is decided: in the one shard whose deliveries it ends, else in that of the first message.
 * @throws BrokerError INVALID_REQUEST for one that does nothing; LIMIT_EXCEEDED; NOT_SUPPORTED where deliveries of several
 *   queues are to end; BODY_TOO_LARGE: nothing was written
 */
export function placeTransaction(broker: Broker, transaction: Transaction): TransactionPlace {
  const { sends, settles } = transaction;
  checkBounds(transaction);
  for (const { message } of sends) checkSize(message, broker.limits);
  const [shard, other] = [...new Set(settles.map((settle) => settle.shard))];
  if (other !== undefined) {
    throw new BrokerError(
      'NOT_SUPPORTED',
      `A transaction ends deliveries of one queue; these are of ${shard} and ${other}. It may send to any.`,
    );
  }
  const [first] = sends;
  const coordinator = shard ?? (first && shardAt(first.destination));
  if (coordinator !== undefined) return { shard: coordinator, entry: broker.random.id() };
  throw new BrokerError('INVALID_REQUEST', 'A transaction sends or acknowledges something; this one does neither.');
}

function checkBounds({ sends, settles }: Transaction): void {
  const actions = sends.length + settles.length;
  if (actions > ACTIONS_MAX) {
    throw new BrokerError('LIMIT_EXCEEDED', `A transaction has ${ACTIONS_MAX} actions at most, not ${actions}.`);
  }
  const { size } = new Set(sends.map(({ destination }) => shardAt(destination)));
  if (size > DESTINATIONS_MAX) {
    const message = `A transaction sends to ${DESTINATIONS_MAX} destinations at most, not to ${size}.`;
    throw new BrokerError('LIMIT_EXCEEDED', message);
  }
}

/**
 * Carries a transaction out: when it resolves, all of it is durable, and what other shards were to get they have, or get
 * soon.
 * @param place as `placeTransaction` gave it, used once
 * @throws BrokerError TRANSACTION_ABORTED if a delivery is over that it was to end, and OVERLOADED: nothing of it
 *   happened; UNAVAILABLE where nobody can tell yet
 */
export async function transact(broker: Broker, place: TransactionPlace, transaction: Transaction): Promise<void> {
  const { shard } = place;
  const { requests, blobs } = prepare(broker, place, transaction);
  // What is to end is nothing to a shard that is not there.
  const mustExist = transaction.settles.length > 0;
  let isUnknown = false;
  const onUnknown = () => {
    isUnknown = true;
  };
  const appended = await request(broker, shard, requests, { blobs, ring: true, mustExist, onUnknown }).catch(
    (error: unknown) => {
      throw isUnknown ? undecided(place, error) : error;
    },
  );
  if (!appended) throw isUnknown ? undecided(place) : aborted('over');
  const { head, mastership } = appended;
  leadLater(broker, mastership);
  await awaitCommitted(broker, place, async () => {
    if (!head.state && !isTopic(shard)) await recordQueue(broker, queueOf(shard));
    return head;
  });
}

/**
 * Waits for the end of a transaction that was asked for before.
 * @throws BrokerError as `transact` does
 */
export async function awaitTransaction(broker: Broker, place: TransactionPlace): Promise<void> {
  await awaitCommitted(broker, place, () => broker.store.readHead(place.shard));
}

/** What the store puts off from here on says nothing of the transaction, which is in the inbox. */
async function awaitCommitted(
  broker: Broker,
  place: TransactionPlace,
  find: () => Promise<Head | undefined>,
): Promise<void> {
  let decision: Decision | undefined;
  try {
    const head = await find();
    decision = head && (await awaitDecision(broker, head, place.entry));
  } catch (error) {
    throw isWorthRetrying(error) ? undecided(place, error) : error;
  }
  if (!decision) throw undecided(place);
  if (decision.outcome !== 'committed') throw aborted(decision.outcome);
}

/** What became of a transaction, as far as anybody knows. One that is under way is waited for. */
export async function transactionState(broker: Broker, { shard, entry }: TransactionPlace): Promise<TransactionState> {
  const head = await broker.store.readHead(shard);
  const decision = head && (await awaitDecision(broker, head, entry));
  if (!decision) return 'unknown';
  return decision.outcome === 'committed' ? 'committed' : 'aborted';
}

/** @returns undefined if nobody knows, or not yet */
async function awaitDecision(broker: Broker, appended: Head, entry: string): Promise<Decision | undefined> {
  const { clock, limits } = broker;
  const giveUpAt = clock.now() + limits.retryMs;
  const head = await awaitAbsorbed(broker, appended, entry, { giveUpAt });
  if (head === 'late' || !head) return undefined;
  const decision = decisionIn(head, entry);
  // That it is decided is known, whatever fails now.
  if (decision && decision.end > decision.first) await awaitTaken(broker, head, decision).catch(() => {});
  return decision;
}

function decisionIn(head: Head, entry: string): Decision | undefined {
  const id = shortId({ id: entry });
  return stateOfHead(head).decisions.find((decision) => decision.id === id);
}

/** What is sent to one of its destinations after this does not overtake what it sent there. */
async function awaitTaken(broker: Broker, decided: Head, { first, end }: Decision): Promise<void> {
  const giveUpAt = broker.clock.now() + TAKEN_MS;
  const isWaiting = (head: Head) => stateOfHead(head).onward.some(({ number }) => number >= first && number < end);
  let head: Head | undefined = decided;
  while (head && isWaiting(head) && broker.clock.now() < giveUpAt) head = await nextHead(broker, head, giveUpAt);
}

function aborted(outcome: 'over' | 'full'): BrokerError {
  if (outcome === 'full') {
    const message = 'Too much waits for other destinations; nothing of the transaction happened. Try it again later.';
    return new BrokerError('OVERLOADED', message);
  }
  return new BrokerError(
    'TRANSACTION_ABORTED',
    'A delivery that it was to end is over, or is another’s: nothing of the transaction happened, and its deliveries are ready again.',
  );
}

function undecided(place: TransactionPlace, cause?: unknown): BrokerError {
  const details = { transaction: transactionId(place) };
  return new BrokerError('UNAVAILABLE', 'Nobody knows yet what became of the transaction.', { details, cause });
}

type Prepared = {
  readonly requests: readonly { readonly id: string; readonly request: Request }[];
  readonly blobs: readonly Blob[];
};

function prepare(broker: Broker, { shard, entry }: TransactionPlace, transaction: Transaction): Prepared {
  const { sends, settles, connection = '' } = transaction;
  const now = broker.clock.now();
  const byTarget = Map.groupBy(sends, ({ destination }) => shardAt(destination));
  const mine = intoBatches(
    broker,
    (byTarget.get(shard) ?? []).map(({ message }) => message),
  );
  byTarget.delete(shard);
  const others = [...byTarget.values()].flat();
  const theirs = intoBatches(
    broker,
    others.map(({ message }) => message),
  );
  const blobs = [...mine, ...theirs].map((batch) => blobOf(broker, shard, batch, now));
  const request: Request = {
    kind: 'transact',
    begun: now,
    connection,
    settles: requestsOf(settles.map(({ settling }) => settling)) as Settle[],
    own: mine.map(({ key, part }, i): OwnPart => {
      return { key, runs: runsOf(part), sizeBytes: blobs[i]?.bytes.byteLength ?? 0 };
    }),
    onward: onwardParts(
      theirs,
      others.map(({ destination }) => shardAt(destination)),
    ),
  };
  return { requests: [{ id: entry, request }], blobs };
}

/** @param targets of all messages of the batches, in their order */
function onwardParts(batches: readonly Batch[], targets: readonly string[]): OnwardPart[] {
  const parts: OnwardPart[] = [];
  let at = 0;
  for (const { key, part } of batches) {
    for (let offset = 0; offset < part.length; offset++) {
      const target = targets[at++] ?? '';
      const last = parts.at(-1);
      if (last?.key === key && last.target === target) parts[parts.length - 1] = { ...last, count: last.count + 1 };
      else parts.push({ target, key, offset, count: 1 });
    }
  }
  return parts;
}

/** Names a transaction, and where it was decided. */
export function transactionId({ shard, entry }: TransactionPlace): string {
  return `${entry}.${Buffer.from(shard).toString('base64url')}`;
}

/** Reads what `transactionId` wrote; undefined if that is something else. */
export function readTransactionId(text: string): TransactionPlace | undefined {
  const [, entry, written] = /^([\w-]{16})\.([\w-]{1,400})$/.exec(text) ?? [];
  if (entry === undefined || written === undefined) return undefined;
  const shard = Buffer.from(written, 'base64url').toString();
  return /^\/(queue|topic)\/./.test(shard) ? { shard, entry } : undefined;
}
