import type { LeaveReason, Request } from '../shard/entry.ts';
import { decodePage, endOf, type Reference } from '../shard/reference.ts';
import type { Consumer } from '../shard/state.ts';
import { isExtended } from '../shard/wake-up.ts';
import { appendIfThere } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { stateOfHead } from './shards.ts';

/** Asks connections whether they are still there, and takes out the consumers of those that are not. */
export async function probeConsumers(broker: Broker, shard: string, consumers: readonly Consumer[]): Promise<void> {
  const open = await Promise.all(consumers.map((consumer) => broker.outlet.isOpen(consumer.connection)));
  const gone = consumers.filter((_, i) => !open[i]);
  if (gone.length > 0) await leaveShard(broker, shard, gone, 'lost');
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

/**
 * Puts off the expiry of all that the shard still needs, then says so in its state: a message that waits for long is
 * never taken by the expiry that removes consumed ones. Where it is cut short, what it came to is said, and not done
 * again.
 */
export async function extendBodies(broker: Broker, shard: string): Promise<void> {
  const head = await broker.store.readHead(shard);
  if (!head) return;
  const { held, references } = stateOfHead(head);
  const born = Math.floor(broker.clock.now() / 1000);
  const expiresAt = born + Math.floor(broker.limits.retentionMs / 1000);
  let upTo = 0;
  try {
    for (const part of partsOf(
      [...held, ...references].filter((reference) => isExtended(reference.born, born, broker.limits)),
    )) {
      await extendAll(broker, shard, part, expiresAt);
      upTo = Math.max(...part.map(endOf));
    }
  } finally {
    if (upTo > 0) await noteExtended(broker, shard, { kind: 'extended', upTo, born });
  }
}

/** Batches together, each page by itself: it may lead to many items. */
function partsOf(references: readonly Reference[]): readonly (readonly Reference[])[] {
  const parts: Reference[][] = [];
  for (const reference of references) {
    const last = parts.at(-1);
    if (last?.[0]?.level === 0 && reference.level === 0) last.push(reference);
    else parts.push([reference]);
  }
  return parts;
}

async function noteExtended(broker: Broker, shard: string, request: Request & { kind: 'extended' }): Promise<void> {
  const appended = await appendIfThere(broker, shard, [{ id: broker.random.id(), request }], { ring: true });
  leadLater(broker, appended?.mastership);
}

async function extendAll(broker: Broker, shard: string, references: readonly Reference[], expiresAt: number) {
  const keys = references.map((reference) => reference.key);
  await broker.store.extendBlobs(shard, keys, expiresAt);
  const pages = references.filter((reference) => reference.level > 0);
  if (pages.length === 0) return;
  const read = await broker.store.getBlobs(
    shard,
    pages.map((page) => page.key),
  );
  for (const { key } of pages) {
    const bytes = read.get(key);
    // A page that was drawn since the head was read is gone with all that it listed.
    if (bytes) await extendAll(broker, shard, decodePage(key, bytes), expiresAt);
  }
}
