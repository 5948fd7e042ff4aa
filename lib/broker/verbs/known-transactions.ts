import { pack, unpack } from '../../shard/codec/packing.ts';
import type { Broker } from '../broker.ts';
import type { TransactionPlace } from './transact.ts';

/** For so long an id that its client chose names one transaction. */
const DAY_S = 24 * 60 * 60;

/** Of each who asks: what one calls his own says nothing of another's. */
function keyOf(by: string, id: string) {
  return { family: `transaction ${id}`, name: by };
}

/**
 * Notes where a transaction is decided, before it is asked for: who loses the reply finds it under the id that he chose.
 * @returns the place that was noted before, if the id was used already
 */
export async function noteTransaction(
  broker: Broker,
  by: string,
  id: string,
  { shard, entry }: TransactionPlace,
): Promise<TransactionPlace | undefined> {
  const expiresAt = Math.floor(broker.clock.now() / 1000) + DAY_S;
  const outcome = await broker.store.putRecord(keyOf(by, id), pack([shard, entry]), { expected: null, expiresAt });
  return outcome.kind === 'stored' ? undefined : readPlace(outcome.current);
}

/** Nothing came of it, for sure: the id may be used for it again. */
export async function forgetTransaction(broker: Broker, by: string, id: string): Promise<void> {
  await broker.store.deleteRecord(keyOf(by, id));
}

/** The transaction that somebody asked for under an id of his own. */
export async function findTransaction(broker: Broker, by: string, id: string): Promise<TransactionPlace | undefined> {
  return readPlace(await broker.store.getRecord(keyOf(by, id)));
}

function readPlace(bytes: Uint8Array | undefined): TransactionPlace | undefined {
  if (!bytes) return undefined;
  return unpack('transaction record', bytes, ([shard, entry]) => ({ shard, entry }) as TransactionPlace);
}
