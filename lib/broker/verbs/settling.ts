import type { DeliveryRange, Request, Requeue } from '../../shard/codec/entry.ts';
import { decodeToken, type Token, unknownToken } from '../../shard/codec/token.ts';

/** The end of one delivery, which its token names. What is rejected without `requeue` is ready again at once. */
export type Ending = { readonly kind: 'acknowledge' | 'reject'; readonly token: Token; readonly requeue?: Requeue };

/** What a client wants of a rejected message. Absent: it is ready again at once. */
export type Requeuing = 'never' | { readonly afterMs: number };

/** The same, as a shard is asked for it. */
export function requeueAt(now: number, asked: Requeuing | undefined): Pick<Ending, 'requeue'> {
  if (asked === undefined) return {};
  return { requeue: asked === 'never' ? asked : now + asked.afterMs };
}

/** What is to become of one delivery. `deadline` is in milliseconds since the epoch. */
export type ByToken = Ending | { readonly kind: 'extend'; readonly token: Token; readonly deadline: number };

/** The same of the delivery of a message to a consumer. @see STOMP 1.1 ACK */
export type ByMessage = Request & { readonly kind: 'acknowledge-message' | 'reject-message' };

export type Settling = ByToken | ByMessage;

/** A message of a batch, by its place there. */
export type MessageId = { readonly key: string; readonly index: number };

/** @throws BrokerError INVALID_TOKEN for what no broker gave out */
export function readToken(text: string): Token {
  return decodeToken(text);
}

/** @throws BrokerError INVALID_TOKEN for what is no message id of ours */
export function readMessageId(text: string): MessageId {
  const [, key, index] = /^([\w-]{16})-(\d{1,9})$/.exec(text) ?? [];
  if (key === undefined) throw unknownToken(text);
  return { key, index: Number(index) };
}

/**
 * What a shard is asked, in the order of the settlements. Neighbours of one kind are as few ranges; cumulative ones,
 * and those by message id, stay one by one.
 */
export function requestsOf(settlings: readonly Settling[]): Request[] {
  const requests: Request[] = [];
  let neighbours: ByToken[] = [];
  const close = () => {
    const [first] = neighbours;
    if (first) requests.push(rangedRequest(first, rangesOf(neighbours.map(({ token }) => token))));
    neighbours = [];
  };
  for (const settling of settlings) {
    const alone = requestAlone(settling);
    const [first] = neighbours;
    if (alone || (first && !areAlike(first, settling as ByToken))) close();
    if (alone) requests.push(alone);
    else neighbours.push(settling as ByToken);
  }
  close();
  return requests;
}

/** Undefined for what may share a request with its neighbours. */
function requestAlone(settling: Settling): Request | undefined {
  if (!('token' in settling)) return settling;
  const { kind, token } = settling;
  if (!token.cumulative || kind === 'extend') return undefined;
  const { incarnation, sequence, attempt } = token;
  return { kind: `${kind}-up-to`, incarnation, sequence, deliveryAttempt: attempt, ...requeueOf(settling) };
}

function areAlike(one: ByToken, other: ByToken): boolean {
  const isOfOne = one.kind === other.kind && one.token.incarnation === other.token.incarnation;
  return isOfOne && timeOf(one) === timeOf(other);
}

function timeOf(settling: ByToken): Requeue | undefined {
  return settling.kind === 'extend' ? settling.deadline : settling.requeue;
}

function requeueOf({ requeue }: Ending): Pick<Ending, 'requeue'> {
  return requeue === undefined ? {} : { requeue };
}

function rangedRequest(like: ByToken, deliveries: readonly DeliveryRange[]): Request {
  const { incarnation } = like.token;
  if (like.kind === 'extend') return { kind: like.kind, incarnation, deliveries, deadline: like.deadline };
  return { kind: like.kind, incarnation, deliveries, ...requeueOf(like) };
}

/** Deliveries that follow one another, as few ranges. */
function rangesOf(tokens: readonly Token[]): DeliveryRange[] {
  const ranges: DeliveryRange[] = [];
  for (const { sequence, attempt } of tokens.toSorted((a, b) => a.sequence - b.sequence)) {
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
