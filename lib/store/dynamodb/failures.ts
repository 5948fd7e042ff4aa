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

/** Waits for a call without a condition. @throws BrokerError */
export async function completed<T>(sending: Promise<T>): Promise<T> {
  try {
    return await sending;
  } catch (cause) {
    throw asStoreError(cause);
  }
}

/** Waits for a transaction. The positions of what did not meet its condition; none if it was done. @throws BrokerError */
export async function refusedPositions(sending: Promise<unknown>): Promise<readonly number[]> {
  try {
    await sending;
    return [];
  } catch (cause) {
    if (!(cause instanceof TransactionCanceledException)) throw asStoreError(cause);
    const codes = (cause.CancellationReasons ?? []).map((reason) => reason.Code);
    const refused = codes.flatMap((code, position) => (code === 'ConditionalCheckFailed' ? [position] : []));
    if (refused.length > 0) return refused;
    throw codes.some((code) => code !== undefined && busy.has(code))
      ? new BrokerError('OVERLOADED', 'DynamoDB had to put the transaction off; try again later.', { cause })
      : asStoreError(cause);
  }
}

const busy = new Set([
  'ProvisionedThroughputExceededException',
  'ProvisionedThroughputExceeded',
  'ThrottlingException',
  'ThrottlingError',
  'RequestLimitExceeded',
  'TransactionConflict',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

/** Whether DynamoDB put a call off. */
export function isThrottled(cause: unknown): boolean {
  return busy.has(String((cause as { name?: unknown } | undefined)?.name));
}

const network =
  /^(E[A-Z]{3,}|TimeoutError|AbortError|NetworkingError|InternalServerError|InternalFailure|ServiceUnavailable)/;

/** OVERLOADED: throttled. UNAVAILABLE: no answer, the write may have happened. INTERNAL: the rest, a fault of ours. */
function asStoreError(cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause;
  const { name, code, message, $metadata } = (cause ?? {}) as Partial<Record<string, unknown>> & {
    $metadata?: { httpStatusCode?: number };
  };
  if (isThrottled(cause)) return new BrokerError('OVERLOADED', 'DynamoDB is throttling; try again later.', { cause });
  if (String(message).includes('Item size to update has exceeded')) {
    return new BrokerError('OVERLOADED', 'The shard has more to do than one item holds; try again later.', { cause });
  }
  if (($metadata?.httpStatusCode ?? 0) >= 500 || network.test(String(name)) || network.test(String(code))) {
    return new BrokerError('UNAVAILABLE', 'DynamoDB does not answer.', { cause });
  }
  return new BrokerError('INTERNAL', `DynamoDB refused what the broker asked: ${String(name)}.`, { cause });
}
