import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { appending, blob, bytes, FAR_SECONDS, fresh, type Given, texts } from './given.ts';

export function blobs(store: Given): void {
  describe('blobs', () => {
    test('a blob that exists is left as it is', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { blobs: [blob(key, 'first')] }));
      await store().append(shard, appending(['b'], { blobs: [blob(key, 'second')] }));
      expect(texts([...(await store().getBlobs(shard, [key])).values()])).toEqual(['first']);
    });

    test('the same key in two shards is two blobs', async () => {
      const [one, two, key] = [fresh('q'), fresh('q'), fresh('k')];
      await store().append(one, appending(['a'], { blobs: [blob(key, 'one')] }));
      expect((await store().getBlobs(two, [key])).size).toBe(0);
      await store().append(two, appending(['a'], { blobs: [blob(key, 'two')] }));
      expect(texts([...(await store().getBlobs(one, [key])).values()])).toEqual(['one']);
    });

    test('missing keys are absent, repeated keys come once, and none asks for nothing', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { blobs: [blob(key)] }));
      const found = await store().getBlobs(shard, [fresh('no'), key, key]);
      expect([...found.keys()]).toEqual([key]);
      expect((await store().getBlobs(shard, [])).size).toBe(0);
    });

    test('250 blobs come in one call', async () => {
      const shard = fresh('q');
      const many = Array.from({ length: 250 }, (_, at) => blob(`${fresh('k')}-${at}`, `body ${at}`));
      await store().append(shard, appending(['a'], { blobs: many }));
      const found = await store().getBlobs(
        shard,
        many.map(({ key }) => key),
      );
      expect(found.size).toBe(250);
      for (const { key, bytes: body } of many) expect([...(found.get(key) ?? [])]).toEqual([...body]);
    });

    test('350 KB of any octets come back as they were', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      const body = randomBytes(350 * 1024);
      await store().append(shard, appending(['a'], { blobs: [blob(key, body)] }));
      const found = (await store().getBlobs(shard, [key])).get(key) ?? bytes('');
      expect(Buffer.compare(found, body)).toBe(0);
    });

    test('60 blobs of 350 KB, more than one answer holds, come in one call', async () => {
      const shard = fresh('q');
      const many = Array.from({ length: 60 }, (_, at) => blob(`${fresh('k')}-${at}`, Buffer.alloc(350 * 1024, at)));
      await store().append(shard, appending(['a'], { blobs: many }));
      const found = await store().getBlobs(
        shard,
        many.map(({ key }) => key),
      );
      expect([...found.values()].every((body) => body.length === 350 * 1024)).toBe(true);
      expect(found.size).toBe(60);
    }, 30_000);

    test('extending passes over what is missing and changes no octet', async () => {
      const shard = fresh('q');
      const [key, missing] = [fresh('k'), fresh('no')];
      await store().append(shard, appending(['a'], { blobs: [blob(key, 'body')] }));
      await store().keepBlobs(shard, [key, missing], FAR_SECONDS + 1000);
      const found = await store().getBlobs(shard, [key, missing]);
      expect([...found.keys()]).toEqual([key]);
      expect(texts([...found.values()])).toEqual(['body']);
    });
  });
}
