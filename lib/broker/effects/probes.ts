import type { LeaveReason } from '../../shard/codec/entry.ts';
import type { Consumer } from '../../shard/state/state.ts';
import type { Broker } from '../broker.ts';
import { appendIfThere, leadLater } from '../requests.ts';

/**
 * Asks connections whether they are still there, and takes out the consumers of those that are not.
 * @returns how many those were
 */
export async function probeConsumers(broker: Broker, shard: string, consumers: readonly Consumer[]): Promise<number> {
  const connected = consumers.filter(({ connection }) => connection !== '');
  const open = await Promise.all(connected.map(({ connection }) => broker.outlet.isOpen(connection)));
  const gone = connected.filter((_, i) => !open[i]);
  if (gone.length > 0) await leaveShard(broker, shard, gone, 'lost');
  return gone.length;
}

/** Takes consumers out of a shard. */
export async function leaveShard(
  broker: Broker,
  shard: string,
  consumers: readonly { readonly id: string }[],
  reason: LeaveReason,
): Promise<void> {
  const requests = consumers.map(({ id }) => ({
    id: broker.random.id(),
    request: { kind: 'leave', consumer: id, reason } as const,
  }));
  const appended = await appendIfThere(broker, shard, requests, { ring: true, reserve: true });
  leadLater(broker, appended?.mastership);
}
