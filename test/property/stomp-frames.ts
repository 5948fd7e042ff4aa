import fc from 'fast-check';
import { encodeFrame } from '../../lib/stomp/encode.ts';
import { commandsReadBy, hasEscapes, mayHaveBody, type Role, type StompVersion } from '../../lib/stomp/frame.ts';
import { opensSession } from '../../lib/stomp/negotiation.ts';
import type { Parsed } from '../../lib/stomp/parser.ts';

/** What a sender means, before it is encoded. */
type Sent = { readonly command: string; readonly headers: Record<string, string>; readonly body: Uint8Array };

/** A stream of valid frames with heart-beats between them, and what it holds. */
export type Stream = {
  readonly version: StompVersion;
  readonly role: Role;
  readonly sent: readonly Sent[];
  readonly heartBeats: number;
  readonly octets: Buffer;
};

/** Turns any text into one that the version can express in a header of the command. */
function expressible(text: string, command: string, version: StompVersion, isName: boolean): string {
  if (hasEscapes(command, version)) return text.replace(version === '1.2' ? /\0/g : /[\0\r]/g, '-');
  const oneLine = text.replace(isName ? /[\0\r\n:]/g : /[\0\r\n]/g, '-');
  // Without an accept-version, which none of these bears, a CONNECT is one of 1.0.
  return version === '1.0' || opensSession(command) ? oneLine.replace(/^ +| +$/g, '-') : oneLine;
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('\r', '\n', ':', '\\', 'n', 'c', ' ', '\u{FFFD}', 'é', 'a'), maxLength: 10 }),
);

const bodyOctets = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.array(fc.constantFrom(0, 10, 13, 83), { maxLength: 20 }).map((octets) => Uint8Array.from(octets)),
);

function sentBy(role: Role, version: StompVersion): fc.Arbitrary<Sent> {
  const entries = fc.array(fc.tuple(text, text), { maxLength: 5 });
  const parts = fc.tuple(fc.constantFrom(...commandsReadBy[role]), entries, bodyOctets, fc.boolean());
  return parts.map(([command, headerTexts, octets, withLength]) => {
    const headers: Record<string, string> = Object.create(null);
    for (const [name, value] of headerTexts) {
      const written = expressible(name, command, version, true);
      headers[written === '' ? 'name' : written] = expressible(value, command, version, false);
    }
    const body = mayHaveBody(command) ? octets : new Uint8Array(0);
    if (withLength || body.includes(0)) headers['content-length'] = String(body.length);
    return { command, headers, body };
  });
}

/** Streams of up to `maxFrames` frames, over all versions and both roles. */
export function streams(maxFrames: number): fc.Arbitrary<Stream> {
  const kind = fc.tuple(fc.constantFrom<StompVersion>('1.0', '1.1', '1.2'), fc.constantFrom<Role>('server', 'client'));
  return kind.chain(([version, role]) => {
    const lineEnds = fc.constantFrom('', '', '\n', '\r\n', '\n\n');
    return fc.array(fc.tuple(sentBy(role, version), lineEnds), { maxLength: maxFrames }).map((items) => ({
      version,
      role,
      sent: items.map(([sent]) => sent),
      heartBeats: items.map(([, ends]) => ends.replaceAll('\r', '').length).reduce((sum, count) => sum + count, 0),
      octets: Buffer.concat(
        items.map(([{ command, headers, body }, ends]) =>
          Buffer.concat([encodeFrame(command, headers, body, version), Buffer.from(ends)]),
        ),
      ),
    }));
  });
}

/** All that pushes have yielded, in a shape that compares by content. */
export function sumUp(pushes: readonly Parsed[]) {
  const frames = pushes.flatMap((parsed) => parsed.frames);
  const error = pushes.find((parsed) => parsed.error)?.error;
  return {
    frames: frames.map(({ command, headers, body, hasContentLength }) => ({
      command,
      headers: Object.entries(headers),
      body: Buffer.from(body).toString('latin1'),
      hasContentLength,
    })),
    heartBeats: pushes.reduce((sum, parsed) => sum + parsed.heartBeats, 0),
    octets: Buffer.concat(pushes.map((parsed) => parsed.octets)).toString('latin1'),
    error: error && { code: error.code, message: error.message, details: error.details },
  };
}
