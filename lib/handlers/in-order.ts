import { ask, askAtOnce } from '../broker/asking.ts';
import type { Broker } from '../broker/broker.ts';
import { asBrokerError, type BrokerError } from '../model/errors.ts';
import { type Append, appendsOf, type Item, runsOf } from './appends.ts';

/** Commands that were refused together. */
export type Refused = {
  readonly error: BrokerError;
  /** Their places, in their order. */
  readonly places: readonly number[];
};

/**
 * Carries out items in their order: at once where the store can do that, else run by run, of which none begins before
 * the one before it is done, nor after one of which something was refused.
 * @param onDone called after each write
 * @returns what was refused first, before whose first place all is done; undefined if nothing was refused
 */
export async function carryOutInOrder(
  broker: Broker,
  items: readonly Item[],
  onDone: () => void,
): Promise<Refused | undefined> {
  const runs = runsOf(items);
  if (runs.length > 1 && broker.store.appendAll) {
    const outcome = await carryOutAtOnce(broker, appendsOf(broker, items), onDone);
    if (outcome !== 'undone') return outcome;
  }
  for (const run of runs) {
    const outcomes = await Promise.all(appendsOf(broker, run).map((append) => refusalOf(broker, append, onDone)));
    const refusals = outcomes.filter((outcome) => outcome !== undefined);
    const [first] = refusals.sort((one, other) => firstPlace(one) - firstPlace(other));
    if (first) return first;
  }
  return undefined;
}

export function firstPlace({ places }: Refused): number {
  return places[0] ?? 0;
}

async function carryOutAtOnce(
  broker: Broker,
  appends: readonly Append[],
  onDone: () => void,
): Promise<Refused | 'undone' | undefined> {
  try {
    const askings = appends.map(({ prepare }) => prepare());
    if (!(await askAtOnce(broker, askings))) return 'undone';
  } catch (error) {
    return { error: asBrokerError(error), places: appends.flatMap(({ places }) => places).sort((a, b) => a - b) };
  }
  onDone();
  return undefined;
}

async function refusalOf(
  broker: Broker,
  { places, prepare }: Append,
  onDone: () => void,
): Promise<Refused | undefined> {
  try {
    const errors = await ask(broker, prepare());
    const error = errors.find((one) => one !== undefined);
    return error && { error, places: places.filter((_, i) => errors[i]) };
  } catch (error) {
    return { error: asBrokerError(error), places };
  } finally {
    onDone();
  }
}
