import type { OutgoingMessage } from '../../model/message.ts';
import { isFarFromOwn } from '../../store/own-bytes.ts';

/** Bodies of messages, in their order: their octets, and those of the memory that they keep. */
type OwnBodies = { readonly bodies: readonly Uint8Array[]; readonly bytes: number; readonly heldBytes: number };

/**
 * The bodies as they may be kept for long. Those of a request are views of what was read from the network, perhaps with
 * much else: then they are copied, into one piece of memory.
 */
export function ownBodies(messages: readonly OutgoingMessage[]): OwnBodies {
  const bodies = messages.map(({ body }) => body);
  const bytes = bodies.reduce((sum, body) => sum + body.byteLength, 0);
  const heldBytes = heldBy(bodies);
  if (!isFarFromOwn(bytes, heldBytes)) return { bodies, bytes, heldBytes };
  const own = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  const copies = bodies.map((body) => {
    own.set(body, at);
    at += body.byteLength;
    return own.subarray(at - body.byteLength, at);
  });
  return { bodies: copies, bytes, heldBytes: bytes };
}

function heldBy(bodies: readonly Uint8Array[]): number {
  const [body] = bodies;
  if (body && bodies.length === 1) return body.buffer.byteLength;
  let held = 0;
  for (const { byteLength } of new Set(bodies.map(({ buffer }) => buffer))) held += byteLength;
  return held;
}
