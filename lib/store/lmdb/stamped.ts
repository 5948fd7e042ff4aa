const STAMP_BYTES = 4;

/** When nothing says that a value expires. */
export const NEVER = 0xffffffff;

/** A value that bears when it expires, in seconds since the epoch: four octets before its own. */
export function stamp(expiresAt: number, bytes: Uint8Array): Buffer {
  const stamped = Buffer.allocUnsafe(STAMP_BYTES + bytes.length);
  stamped.writeUInt32BE(Math.min(expiresAt, NEVER), 0);
  stamped.set(bytes, STAMP_BYTES);
  return stamped;
}

export function unstamp(stamped: Buffer): Uint8Array {
  return stamped.subarray(STAMP_BYTES);
}

export function expiryOf(stamped: Buffer): number {
  return stamped.readUInt32BE(0);
}
