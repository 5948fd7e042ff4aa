import { BrokerError } from '../../model/errors.ts';
import { total } from '../../shard/state/draft.ts';
import type { Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { shardOf, viewHead } from '../shards.ts';

/** What went with a queue that was damaged. */
export type Loss = {
  /** Messages that its state names, with a consumer or without. Undefined if the state cannot be read. */
  readonly messages?: number | undefined;
  /** Requests that no turn had taken: each a send of some messages, or an acknowledgement. Undefined if unknown. */
  readonly requests?: number | undefined;
};

/**
 * Removes a shard that no turn can be taken of: whatever its lease, its inbox and its consumers are, nobody can serve
 * them. A queue that gives its dead letters to it begins it anew.
 * @param damage what was found
 * @throws BrokerError CORRUPT if it cannot even be removed
 */
export async function removeDamaged(broker: Broker, name: string, damage: BrokerError): Promise<Loss> {
  const { store, quarantine } = broker;
  const shard = shardOf(name);
  const head = await unlessDamaged(() => store.readHead(shard));
  const loss = head ? await lossOf(broker, head) : {};
  await store.removeHead(shard, undefined);
  quarantine.forget(shard);
  broker.log('damaged queue deleted', { shard, ...loss }, damage);
  return loss;
}

async function lossOf(broker: Broker, head: Head): Promise<Loss> {
  // The state without the inbox, which may be what is damaged.
  const view = await unlessDamaged(() => viewHead(broker, { ...head, inbox: [] }));
  const messages =
    view && view.ready + view.inFlight + view.delayed + total(view.draft.outgoing) + total(view.draft.apart);
  return { messages: head.state ? messages : 0, requests: head.inbox.length };
}

async function unlessDamaged<T>(read: () => T): Promise<Awaited<T> | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'CORRUPT') return undefined;
    throw error;
  }
}
