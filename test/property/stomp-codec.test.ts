import fc from 'fast-check';
import { expect, it } from 'vitest';
import { localLimits } from '../../lib/model/limits.ts';
import { decodeFrames, FrameParser } from '../../lib/stomp/parser.ts';
import { type Stream, streams, sumUp } from './stomp-frames.ts';

function parserFor({ version, role }: Stream): FrameParser {
  return new FrameParser({ limits: localLimits, version, role });
}

/** Pushes the stream cut at the given offsets. */
function pushInPieces(stream: Stream, cuts: readonly number[]) {
  const parser = parserFor(stream);
  const offsets = [0, ...cuts, stream.octets.length];
  const pushes = offsets.slice(1).map((to, index) => {
    const parsed = parser.push(Buffer.from(stream.octets.subarray(offsets[index], to)));
    expect(parser.consumed + parser.pendingBytes).toBe(to);
    return parsed;
  });
  return { ...sumUp(pushes), pendingBytes: parser.pendingBytes };
}

it('every frame is decoded as it was meant, in every version', () => {
  fc.assert(
    fc.property(streams(4), (stream) => {
      const decoded = decodeFrames(stream.octets, { limits: localLimits, ...stream });
      expect(sumUp([decoded])).toEqual({
        frames: stream.sent.map(({ command, headers, body }) => ({
          command,
          headers: Object.entries(headers),
          body: Buffer.from(body).toString('latin1'),
          hasContentLength: 'content-length' in headers,
        })),
        heartBeats: stream.heartBeats,
        octets: stream.octets.toString('latin1'),
        error: undefined,
      });
    }),
    { numRuns: 2000 },
  );
});

it('a stream yields the same however it is cut into pieces', () => {
  const cutStreams = streams(4).chain((stream) =>
    fc.tuple(fc.constant(stream), fc.array(fc.nat(stream.octets.length), { maxLength: 12 })),
  );
  fc.assert(
    fc.property(cutStreams, ([stream, cuts]) => {
      const sorted = cuts.toSorted((a, b) => a - b);
      expect(pushInPieces(stream, sorted)).toEqual(pushInPieces(stream, []));
    }),
    { numRuns: 500 },
  );
});

it('a stream yields the same cut in two at every octet, and cut into single octets', () => {
  fc.assert(
    fc.property(streams(2), (stream) => {
      const whole = pushInPieces(stream, []);
      const everywhere = Array.from({ length: stream.octets.length }, (_, offset) => offset);
      expect(whole.pendingBytes).toBe(0);
      expect(pushInPieces(stream, everywhere)).toEqual(whole);
      for (const offset of everywhere) expect(pushInPieces(stream, [offset])).toEqual(whole);
    }),
    { numRuns: 50 },
  );
});
