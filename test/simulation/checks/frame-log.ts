import { decodeBatch } from '../../../lib/shard/codec/batch.ts';
import { decodeEntry } from '../../../lib/shard/codec/entry.ts';
import type { Token } from '../../../lib/shard/codec/token.ts';
import { endOf } from '../../../lib/shard/state/ranges.ts';
import type { ShardAppend } from '../../../lib/store/port.ts';
import { idOf } from '../bodies.ts';
import { must } from './violation.ts';

/** What one frame of a WebSocket message asks for; `nothing` where it is to be refused. */
export type Asked =
  | { readonly kind: 'send'; readonly id: string }
  | ({ readonly kind: 'settle' } & Pick<Token, 'shard' | 'incarnation' | 'sequence' | 'attempt'>)
  | { readonly kind: 'nothing' };

type Together = { readonly asked: readonly Asked[]; readonly done: Set<number> };
type Place = { readonly message: Together; readonly place: number };

/** Frames that came in one WebSocket message, and which of them took effect. Each is asked for once. */
export class FrameLog {
  readonly #places = new Map<string, Place>();

  sending(asked: readonly Asked[]): void {
    const message = { asked, done: new Set<number>() };
    asked.forEach((one, place) => {
      if (one.kind !== 'nothing') this.#places.set(nameOf(one), { message, place });
    });
  }

  /** Appends that were one write. */
  took(appends: readonly ShardAppend[]): void {
    if (this.#places.size === 0) return;
    const taken = appends.flatMap((append) =>
      effectsOf(append).flatMap((asked) => this.#places.get(nameOf(asked)) ?? []),
    );
    for (const { message, place } of taken) message.done.add(place);
    for (const { message, place } of taken) {
      const { asked, done } = message;
      const before = asked.slice(0, place);
      const isFree = before.every(({ kind }) => kind !== 'nothing');
      must(isFree, 'what follows a refused frame does not happen', asked, place);
      const isInOrder = before.every((_, at) => done.has(at));
      must(isInOrder, 'frames take effect in their order', asked, place, [...done]);
    }
  }
}

function effectsOf({ shard, entries, blobs }: ShardAppend): Asked[] {
  return entries.map(decodeEntry).flatMap((entry): Asked[] => {
    if (entry.kind === 'send') {
      const blob = blobs.find(({ key }) => key === entry.key);
      const messages = blob ? decodeBatch(blob.key, blob.bytes) : [];
      return messages.map(({ body }) => ({ kind: 'send', id: idOf(body) }));
    }
    if (entry.kind !== 'acknowledge') return [];
    const { incarnation } = entry;
    return entry.deliveries.flatMap((range) =>
      Array.from({ length: endOf(range) - range.first }, (_, i): Asked => {
        return { kind: 'settle', shard, incarnation, sequence: range.first + i, attempt: range.attempt };
      }),
    );
  });
}

function nameOf(asked: Asked): string {
  if (asked.kind !== 'settle') return JSON.stringify(asked);
  return `${asked.shard} ${asked.incarnation} ${asked.sequence} ${asked.attempt}`;
}
