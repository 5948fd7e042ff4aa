import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BrokerError } from '../../lib/model/errors.ts';
import type { FrameLimits } from '../../lib/stomp/incoming.ts';
import { FrameParser, type Parsed } from '../../lib/stomp/parser.ts';
import { type Stream, streams, sumUp } from './stomp-frames.ts';

/** Wide enough for the valid streams, so that a fault is the same fault however the octets arrive. */
const wide = { frameBytes: 4096, headerCount: 64, headerBytes: 2048 };
const tight = { frameBytes: 400, headerCount: 4, headerBytes: 100 };
const codes = ['INVALID_FRAME', 'INVALID_HEADER', 'LIMIT_EXCEEDED', 'BODY_TOO_LARGE'];

/** One fault at one offset; `octet` is what is put there. */
const mutations: Readonly<Record<string, (octets: Buffer, at: number, octet: number) => Buffer>> = {
  flip: (octets, at, octet) => {
    const flipped = Buffer.from(octets);
    flipped[at] = (flipped[at] ?? 0) ^ (octet === 0 ? 1 : octet);
    return flipped;
  },
  replace: (octets, at, octet) => Buffer.concat([octets.subarray(0, at), Buffer.of(octet), octets.subarray(at + 1)]),
  insert: (octets, at, octet) => Buffer.concat([octets.subarray(0, at), Buffer.of(octet), octets.subarray(at)]),
  remove: (octets, at) => Buffer.concat([octets.subarray(0, at), octets.subarray(at + 1)]),
  truncate: (octets, at) => octets.subarray(0, at),
};

/** Reads all in pieces of the size, and checks what must hold for any octets whatever. */
function read(octets: Buffer, { version, role }: Stream, limits: FrameLimits, pieceBytes: number) {
  const parser = new FrameParser({ limits, version, role });
  const pushes: Parsed[] = [];
  for (let at = 0; at < octets.length; at += pieceBytes) {
    const parsed = parser.push(octets.subarray(at, at + pieceBytes));
    pushes.push(parsed);
    if (parser.pendingBytes >= limits.frameBytes) throw new Error(`The parser holds ${parser.pendingBytes} octets.`);
    if (parsed.error) {
      checkError(parsed.error);
      break;
    }
  }
  const all = sumUp(pushes);
  if (!octets.toString('latin1').startsWith(all.octets))
    throw new Error('The octets read are not those of the stream.');
  if (!all.error && parser.consumed + parser.pendingBytes !== octets.length) throw new Error('Octets were lost.');
  return all;
}

function checkError(error: BrokerError): void {
  const isClear = /^["A-Z].{10,300}\.$/su.test(error.message);
  if (!(error instanceof BrokerError) || !codes.includes(error.code) || !isClear) throw error;
}

const octets = fc.oneof(fc.constantFrom(0, 10, 13, 32, 58, 92), fc.integer({ min: 0, max: 255 }));

it('a valid stream with a fault at any octet yields frames or one clear error, however it arrives', () => {
  fc.assert(
    fc.property(streams(2), octets, (stream, octet) => {
      for (const [name, mutate] of Object.entries(mutations)) {
        for (let at = 0; at < stream.octets.length; at += 1) {
          const mutated = mutate(stream.octets, at, octet);
          const whole = JSON.stringify(read(mutated, stream, wide, mutated.length));
          const single = JSON.stringify(read(mutated, stream, wide, 1));
          if (whole !== single) expect({ name, at, single }).toEqual({ name, at, single: whole });
        }
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 4000 },
  );
});

it('octets of any kind yield frames or one clear error, within the limits', () => {
  const garbage = fc.array(
    fc.oneof(
      fc.constantFrom('SEND\n', 'ACK\n', 'MESSAGE\n', 'content-length:', '9', '\n\n', '\0', '\r', 'a:b\n', '\\'),
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.nat(500).map((length) => 'x'.repeat(length)),
    ),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(streams(1), garbage, fc.integer({ min: 1, max: 50 }), (stream, pieces, pieceBytes) => {
      const octets = Buffer.concat([stream.octets, Buffer.from(pieces.join(''))]);
      expect(read(octets, stream, tight, pieceBytes).frames.length).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 4000 },
  );
});
