import { describe, expect, it } from 'vitest';
import { NOW, OneShard } from './one-shard.ts';

/** Small bodies, and headers that are not. */
function shardWith(limits: { turnBytes?: number; replyBytes?: number }, value: string) {
  const shard = new OneShard(limits);
  const entry = shard.send([0, 0, 0, 0]);
  const [key, batch] = [...shard.batches][0] ?? ['', []];
  shard.batches.set(
    key,
    batch.map((message) => ({ ...message, headers: { note: value } })),
  );
  return { shard, entry };
}

describe('the octets of a turn', () => {
  it('are those of headers, too', () => {
    const { shard, entry } = shardWith({ turnBytes: 400 }, 'x'.repeat(150));
    const { turn } = shard.take([entry, shard.join('client-individual', 4)]);
    expect(OneShard.given(turn)).toHaveLength(2);
    expect(turn.more).toBe(true);
  });

  it('are those of a reply where somebody waits for one, as they are escaped there', () => {
    const pull = { kind: 'receive', max: 4, deadline: NOW + 30_000 } as const;
    const given = ['x', '"'].map((character) => {
      const { shard, entry } = shardWith({ replyBytes: 8000 }, character.repeat(500));
      return OneShard.given(shard.take([entry, shard.entry(pull)]).turn).length;
    });
    expect(given).toEqual([3, 2]);
  });
});
