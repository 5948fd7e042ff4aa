import { BrokerError } from '../../model/errors.ts';
import { encodeToken, type Token, unknownToken } from '../../shard/codec/token.ts';
import type { Head } from '../../store/port.ts';
import { type Asking, ask } from '../asking.ts';
import type { Broker } from '../broker.ts';
import { becomeMaster, leadLater } from '../requests.ts';
import { stateOfHead, viewHead } from '../shards.ts';
import { unlocksWork } from '../takers.ts';
import {
  type ByToken,
  type MessageId,
  type Requeuing,
  readToken,
  requestsOf,
  requeueAt,
  type Settling,
} from './settling.ts';

/** Done, or refused since the token never named a delivery. A delivery that is over already is done. */
export type Settlement = { readonly token: string; readonly error: BrokerError | undefined };

/** Ends deliveries: their messages are consumed. @see STOMP 1.2 ACK */
export function acknowledge(broker: Broker, tokens: readonly string[]): Promise<Settlement[]> {
  return settleEach(broker, tokens, (token) => ({ kind: 'acknowledge', token }));
}

/**
 * Ends deliveries: their messages are ready again, or dead-lettered after the last.
 * @param asked when they are ready again, if not at once. The longest is `visibilityMaxMs`
 * @see STOMP 1.2 NACK
 */
export function reject(broker: Broker, tokens: readonly string[], asked?: Requeuing): Promise<Settlement[]> {
  const requeue = requeueAt(broker.clock.now(), asked);
  return settleEach(broker, tokens, (token) => ({ kind: 'reject', token, ...requeue }));
}

/** Gives deliveries a new deadline, `visibilityMs` from now. @see SQS ChangeMessageVisibility */
export function extend(broker: Broker, tokens: readonly string[], visibilityMs: number): Promise<Settlement[]> {
  const deadline = broker.clock.now() + visibilityMs;
  return settleEach(broker, tokens, (token) => ({ kind: 'extend', token, deadline }));
}

/** The destination whose delivery a token names; undefined for what names none. */
export function destinationOfToken(text: string): string | undefined {
  const token = tryToken(text);
  return token instanceof BrokerError ? undefined : token.shard;
}

/** Each for itself: what one shard refuses says nothing of another's. */
async function settleEach(
  broker: Broker,
  texts: readonly string[],
  asked: (token: Token) => ByToken,
): Promise<Settlement[]> {
  const read = texts.map((text) => ({ text, token: tryToken(text) }));
  const refused = new Map<string, BrokerError>();
  const tokens = read.flatMap(({ text, token }) => {
    if (!(token instanceof BrokerError)) return [token];
    refused.set(text, token);
    return [];
  });
  await Promise.all(
    [...Map.groupBy(tokens, ({ shard }) => shard)].map(async ([shard, mine]) => {
      const errors = await ask(broker, askToSettle(broker, shard, mine.map(asked)));
      mine.forEach((token, i) => {
        const error = errors[i];
        if (error) refused.set(encodeToken(token), error);
      });
    }),
  );
  return texts.map((token) => ({ token, error: refused.get(token) }));
}

function tryToken(text: string): Token | BrokerError {
  try {
    return readToken(text);
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}

/**
 * Settles deliveries of one shard, in this order, in one write. A second one, a ring, follows only where the head that
 * came back shows that there is something to do.
 * @returns for each, undefined if it is done, or was over already; INVALID_TOKEN if its token never named a delivery
 */
export function askToSettle(
  broker: Broker,
  shard: string,
  settlings: readonly Settling[],
): Asking<(BrokerError | undefined)[]> {
  const ring = settlings.some(mayUnlock);
  const requests = requestsOf(settlings).map((request) => ({ id: broker.random.id(), request }));
  return {
    ...{ shard, requests, ring, reserve: true, mustExist: true },
    accepts: (head) => refusalsOf(broker, head, settlings).every((refusal) => !refusal),
    async conclude(appended) {
      if (!appended) return settlings.map(() => undefined);
      const { head, mastership } = appended;
      const isWorth = !ring && unlocksWork(broker, head);
      leadLater(broker, isWorth ? await becomeMaster(broker, shard) : mastership);
      return refusalsOf(broker, head, settlings);
    },
  };
}

/** For each settlement that the head's inbox holds: why it settles nothing, if its token never named a delivery. */
function refusalsOf(broker: Broker, head: Head, settlings: readonly Settling[]): (BrokerError | undefined)[] {
  const wasGivenOut = givenOutBy(broker, head);
  return settlings.map((settling) => {
    if (!('token' in settling) || wasGivenOut(settling.token)) return undefined;
    return unknownToken(encodeToken(settling.token));
  });
}

/** Whether what this ends, or puts off, is likely to let something else go: then it rings at once. */
function mayUnlock(settling: Settling): boolean {
  return settling.kind !== 'acknowledge' || settling.token.backlog;
}

/** Sequences that no message has yet were never delivered; a shard of this name that was deleted had its own. */
function givenOutBy(broker: Broker, head: Head): (token: Token) => boolean {
  const { incarnation, next } = stateOfHead(head);
  let nextAbsorbed: number | undefined;
  return (token) => {
    if (token.incarnation !== incarnation || token.sequence < next) return true;
    nextAbsorbed ??= viewHead(broker, head).draft.next;
    return token.sequence < nextAbsorbed;
  };
}

/**
 * Tells in which of these shards a message may be in flight: the one that shows it, or all of them. Where there are
 * several, each is read once, which costs less than the writes that it saves; a read that fails says nothing.
 */
export async function whereabouts(
  broker: Broker,
  shards: readonly string[],
): Promise<(message: MessageId) => readonly string[]> {
  const keysIn = async (shard: string) => {
    try {
      const head = await broker.store.readHead(shard);
      return new Set(head && stateOfHead(head).held.map((reference) => reference.key));
    } catch {
      return new Set<string>();
    }
  };
  const shown = shards.length > 1 ? await Promise.all(shards.map(keysIn)) : [];
  return ({ key }) => {
    const likely = shards.filter((_, i) => shown[i]?.has(key));
    return likely.length > 0 ? likely : shards;
  };
}
