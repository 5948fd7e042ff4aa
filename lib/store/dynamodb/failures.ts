import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { BrokerError } from '../../model/errors.ts';
import type { Item } from './expression.ts';

/** A condition that did not hold, with the item as it is, if there is one. */
export type Refused = { readonly refused: true; readonly item: Item | undefined };

/** Waits for a conditional write. A refusal is an outcome; what fails is thrown as a BrokerError. */
export async function conditional<T>(sending: Promise<T>): Promise<T | Refused> {
  try {
    return await sending;
  } catch (cause) {
    if (cause instanceof ConditionalCheckFailedException) return { refused: true, item: cause.Item };
    throw asStoreError(cause);
  }
}

export function isRefused(outcome: object): outcome is Refused {
  return 'refused' in outcome;
}

/** A transaction of which a condition did not hold: the first, by its place, with the item as it is if it was asked for. */
type RefusedTransaction = Refused & { readonly at: number };

/** Waits for a transaction. A refusal is an outcome; one that met another write is to be tried again. */
export async function transacted<T>(sending: Promise<T>): Promise<T | RefusedTransaction> {
  try {
    return await sending;
  } catch (cause) {
    if (!(cause instanceof TransactionCanceledException)) throw asStoreError(cause);
    const { CancellationReasons: reasons = [] } = cause;
    const other = reasons.find(({ Code = 'None' }) => Code !== 'None' && Code !== 'ConditionalCheckFailed');
    if (other) throw asStoreError(Object.assign(new Error(other.Message, { cause }), { name: other.Code }));
    const at = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
    return { refused: true, at, item: reasons[at]?.Item };
  }
}

/** Waits for a call without a condition. @throws BrokerError */
export async function completed<T>(sending: Promise<T>): Promise<T> {
  try {
    return await sending;
  } catch (cause) {
    throw asStoreError(cause);
  }
}

const busy = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'RequestLimitExceeded',
]);

/** Whether DynamoDB put a call off. */
export function isThrottled(cause: unknown): boolean {
  return busy.has(String((cause as { name?: unknown } | undefined)?.name));
}

/** A write that met a transaction on the same item, and did not happen. */
const conflict = /^Transaction(Conflict|InProgress)/;

const network =
  /^(E[A-Z]{3,}|TimeoutError|AbortError|NetworkingError|InternalServerError|InternalFailure|ServiceUnavailable)/;

/** OVERLOADED: throttled. UNAVAILABLE: no answer, the write may have happened. INTERNAL: the rest, a fault of ours. */
function asStoreError(cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause;
  const { name, code, message, $metadata } = (cause ?? {}) as Partial<Record<string, unknown>> & {
    $metadata?: { httpStatusCode?: number };
  };
  if (isThrottled(cause)) return new BrokerError('OVERLOADED', 'DynamoDB is throttling; try again later.', { cause });
  if (conflict.test(String(name))) {
    return new BrokerError('OVERLOADED', 'What is asked for is being moved or created; try again.', { cause });
  }
  if (String(message).includes('Item size to update has exceeded')) {
    return new BrokerError('OVERLOADED', 'The shard has more to do than one item holds; try again later.', { cause });
  }
  if (($metadata?.httpStatusCode ?? 0) >= 500 || network.test(String(name)) || network.test(String(code))) {
    return new BrokerError('UNAVAILABLE', 'DynamoDB does not answer.', { cause });
  }
  return new BrokerError('INTERNAL', `DynamoDB refused what the broker asked: ${String(name)}.`, { cause });
}
