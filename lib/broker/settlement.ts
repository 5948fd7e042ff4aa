import { BrokerError } from '../model/errors.ts';
import type { DeliveryRange, Request } from '../shard/entry.ts';
import { decodeToken, type Token, unknownToken } from '../shard/token.ts';
import type { Head } from '../store/port.ts';
import { appendIfThere, becomeMaster } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { shardOf, stateOfHead, viewHead } from './shards.ts';

/** Acknowledgements that may wait in the inbox before they ring for a turn of their own. */
const WAITING_MAX = 16;

type Named = { readonly text: string; readonly token: Token };

/** Done, or refused since the token never named a delivery. A delivery that is over already is done. */
export type Settlement = { readonly token: string; readonly error: BrokerError | undefined };

/** Ends deliveries: their messages are consumed. @see STOMP 1.2 ACK */
export function acknowledge(broker: Broker, tokens: readonly string[]): Promise<Settlement[]> {
  return settleTokens(broker, tokens, 'acknowledge');
}

/** Ends deliveries: their messages are ready again, or dead-lettered after the last. @see STOMP 1.2 NACK */
export function reject(broker: Broker, tokens: readonly string[]): Promise<Settlement[]> {
  return settleTokens(broker, tokens, 'reject');
}

/** Gives deliveries a new deadline, `visibilityMs` from now. @see SQS ChangeMessageVisibility */
export function extend(broker: Broker, tokens: readonly string[], visibilityMs: number): Promise<Settlement[]> {
  return settleTokens(broker, tokens, 'extend', broker.clock.now() + visibilityMs);
}

/**
 * Ends a delivery that is named by its message id, as STOMP 1.0 and 1.1 do. @see STOMP 1.1 ACK
 * @throws BrokerError INVALID_TOKEN for what is no message id of ours
 */
export async function settleMessage(
  broker: Broker,
  queue: string,
  messageId: string,
  request: {
    readonly kind: 'acknowledge-message' | 'reject-message';
    readonly consumer: string;
    readonly upTo: boolean;
  },
): Promise<void> {
  const [, key, index] = /^([\w-]{16})-(\d{1,9})$/.exec(messageId) ?? [];
  if (key === undefined) throw unknownToken(messageId);
  await settleIn(broker, shardOf(queue), [{ ...request, key, index: Number(index) }], true);
}

/** The destination whose delivery a token names; undefined for what names none. */
export function destinationOfToken(text: string): string | undefined {
  try {
    return decodeToken(text).shard;
  } catch {
    return undefined;
  }
}

async function settleTokens(
  broker: Broker,
  texts: readonly string[],
  verb: 'acknowledge' | 'reject' | 'extend',
  deadline = 0,
): Promise<Settlement[]> {
  const settlements = new Map<string, Settlement>();
  const named: Named[] = [];
  for (const text of texts) {
    try {
      named.push({ text, token: decodeToken(text) });
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      settlements.set(text, { token: text, error });
    }
  }
  const byShard = Map.groupBy(named, ({ token }) => `${token.incarnation} ${token.shard}`);
  await Promise.all(
    [...byShard.values()].map(async (mine) => {
      const { shard } = (mine[0] as Named).token;
      const ring = verb !== 'acknowledge' || mine.some(({ token }) => token.backlog);
      const head = await settleIn(broker, shard, requestsOf(verb, mine, deadline), ring);
      for (const { text, token } of mine) {
        const error = wasGivenOut(broker, head, token) ? undefined : unknownToken(text);
        settlements.set(text, { token: text, error });
      }
    }),
  );
  return texts.map((text) => settlements.get(text) as Settlement);
}

/** Deliveries of cumulative subscriptions one by one, in their order; the others as few ranges. */
function requestsOf(verb: 'acknowledge' | 'reject' | 'extend', named: readonly Named[], deadline: number): Request[] {
  const { incarnation } = (named[0] as Named).token;
  const isUpTo = ({ token }: Named) => token.cumulative && verb !== 'extend';
  const requests: Request[] = named.filter(isUpTo).map(({ token }) => ({
    kind: verb === 'reject' ? 'reject-up-to' : 'acknowledge-up-to',
    incarnation,
    sequence: token.sequence,
    deliveryAttempt: token.attempt,
  }));
  const deliveries = rangesOf(named.filter((one) => !isUpTo(one)));
  if (deliveries.length === 0) return requests;
  const request =
    verb === 'extend' ? { kind: verb, incarnation, deliveries, deadline } : { kind: verb, incarnation, deliveries };
  return [...requests, request];
}

/** Undefined if the queue is gone. One write; a second one, a ring, only where the head that came back shows that there is something to do. */
async function settleIn(
  broker: Broker,
  shard: string,
  requests: readonly Request[],
  ring: boolean,
): Promise<Head | undefined> {
  const identified = requests.map((request) => ({ id: broker.random.id(), request }));
  const appended = await appendIfThere(broker, shard, identified, { ring, reserve: true });
  if (!appended) return undefined;
  const { head, mastership } = appended;
  const elected = mastership ?? (!ring && unlocksWork(broker, head) ? await becomeMaster(broker, shard) : undefined);
  leadLater(broker, elected);
  return head;
}

function unlocksWork(broker: Broker, head: Head): boolean {
  return head.inbox.length >= WAITING_MAX || viewHead(broker, head).hasWork;
}

/** Sequences that no message has yet were never delivered; a shard of this name that was deleted had its own. */
function wasGivenOut(broker: Broker, head: Head | undefined, token: Token): boolean {
  if (!head) return true;
  const state = stateOfHead(head);
  if (state.incarnation !== token.incarnation || token.sequence < state.next) return true;
  return token.sequence < viewHead(broker, head).draft.next;
}

/** Deliveries that follow one another, as few ranges. */
function rangesOf(named: readonly Named[]): DeliveryRange[] {
  const sorted = named.map(({ token }) => token).sort((a, b) => a.sequence - b.sequence);
  const ranges: DeliveryRange[] = [];
  for (const { sequence, attempt } of sorted) {
    const last = ranges.at(-1);
    const end = last ? last.first + last.count : 0;
    if (last && end > sequence && last.attempt === attempt) continue;
    if (last && end === sequence && last.attempt === attempt) {
      ranges[ranges.length - 1] = { ...last, count: last.count + 1 };
    } else {
      ranges.push({ first: sequence, count: 1, attempt });
    }
  }
  return ranges;
}
