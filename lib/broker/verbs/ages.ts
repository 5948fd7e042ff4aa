import { asBrokerError } from '../../model/errors.ts';
import { minuteOf, oldestSince } from '../../shard/conclude/wake-up.ts';
import type { Broker } from '../broker.ts';
import { isTopic, viewHead } from '../shards.ts';

/** How often ages are measured that no turn measures: a point for each period of an alarm. */
const EVERY_MINUTES = 5;
/** How many heads are read for that at most, half a read unit or so each. */
const HEADS = 100;
/** How many entries of the index are looked at for them. */
const DUES = 1000;
/** Every wake-up there is, however far ahead. */
const EVER = 2 ** 40;

/**
 * Measures, every fifth minute, how old the oldest message is of queues that nobody sends to or takes from: they have no
 * turns, which measure it else. Whatever has a backlog has a wake-up in the index of what is due. Where that names more
 * shards than are read at a time, the next ones have their turn five minutes later.
 */
export async function measureAges(broker: Broker): Promise<void> {
  const minute = minuteOf(broker.clock.now());
  if (minute % EVERY_MINUTES !== 0) return;
  const dues = await broker.store.due(EVER, DUES);
  const shards = [...new Set(dues.map(({ shard }) => shard))].filter((shard) => !isTopic(shard)).sort();
  const windows = Math.max(1, Math.ceil(shards.length / HEADS));
  const from = ((minute / EVERY_MINUTES) % windows) * HEADS;
  await Promise.all(shards.slice(from, from + HEADS).map((shard) => measureAge(broker, shard)));
}

async function measureAge(broker: Broker, shard: string): Promise<void> {
  try {
    const head = await broker.store.readHead(shard);
    const since = head && oldestSince(viewHead(broker, head).draft);
    if (since === undefined) return;
    broker.meter('ageOfOldestMs', Math.max(0, broker.clock.now() - since * 1000), shard);
  } catch (error) {
    broker.log('age unknown', { shard }, asBrokerError(error));
  }
}
