import { expect, it } from 'vitest';
import { FrameSizes } from '../../../../lib/server/strict/frame-sizes.ts';

/** A masked frame of a client, of `size` octets. @see RFC 6455 §5.2 */
function frameOf(size: number): Buffer {
  const head = size < 126 ? Buffer.of(0x81, 0x80 | size) : Buffer.alloc(size < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (size >= 65_536) {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(size), 2);
  } else if (size >= 126) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(size, 2);
  }
  return Buffer.concat([head, Buffer.alloc(4), Buffer.alloc(size, 0xff)]);
}

const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];

it('tells the size of each frame, whole', () => {
  const frames = new FrameSizes();
  expect(sizes.map((size) => frames.pass(frameOf(size)))).toEqual(sizes);
});

it.each([1, 2, 3, 7, 1000, 100_000])('tells the sizes of frames that arrive in pieces of %i octets', (piece) => {
  const frames = new FrameSizes();
  const octets = Buffer.concat(sizes.map(frameOf));
  const told = new Set<number>();
  for (let at = 0; at < octets.length; at += piece) told.add(frames.pass(octets.subarray(at, at + piece)));
  for (const size of piece < 8 ? sizes : [70_000]) expect(told).toContain(size);
  expect(frames.pass(frameOf(33))).toBe(33);
});
