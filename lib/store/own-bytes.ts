/**
 * The octets in memory of their own. What comes from a network read, or from Node's pool for small buffers, is a view:
 * kept for long, it would keep all that lies around it.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (!isFarFromOwn(bytes.byteLength, bytes.buffer.byteLength)) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.byteLength);
  own.set(bytes);
  return own;
}

/** Whether octets keep so much more in memory than they are that a copy is cheaper. */
export function isFarFromOwn(bytes: number, held: number): boolean {
  return held > 2 * bytes;
}
