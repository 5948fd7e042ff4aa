import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { BrokerError } from '../../model/errors.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

const CHECKSUM_BYTES = 4;

/**
 * MessagePack, in arrays and plain values only: small, and the same on every runtime. A checksum follows: most damage
 * leaves another value that can be read, and would be taken for what was written.
 */
export function pack(value: unknown): Uint8Array {
  const packed = packr.pack(value);
  const bytes = Buffer.allocUnsafe(packed.length + CHECKSUM_BYTES);
  bytes.set(packed);
  bytes.writeUInt32BE(crc32(packed), packed.length);
  return bytes;
}

/**
 * Reads a stored value with `read`; whatever that trips over is damage.
 * @throws BrokerError CORRUPT, naming `what` was being read; what `read` throws as such
 */
export function unpack<T>(what: string, bytes: Uint8Array, read: (value: readonly unknown[]) => T): T {
  try {
    const value = packr.unpack(checked(bytes));
    if (Array.isArray(value)) return read(value);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw damaged(what, cause);
  }
  throw damaged(what, undefined);
}

/** Reads a stored array whose first element is the version of its layout, one of `versions`, the newest first. */
export function unpackVersioned<T>(
  what: string,
  bytes: Uint8Array,
  versions: readonly number[],
  read: (value: readonly unknown[]) => T,
): T {
  return unpack(what, bytes, (value) => {
    if (versions.includes(value[0] as number)) return read(value);
    if (typeof value[0] !== 'number') throw damaged(what, undefined);
    throw new BrokerError(
      'UNAVAILABLE',
      `The stored ${what} is of version ${value[0]}; this code reads ${versions[0]}.`,
    );
  });
}

/** What was packed, without its checksum. */
function checked(bytes: Uint8Array): Uint8Array {
  const at = bytes.length - CHECKSUM_BYTES;
  const packed = bytes.subarray(0, at);
  const { buffer, byteOffset, byteLength } = bytes;
  if (at > 0 && new DataView(buffer, byteOffset, byteLength).getUint32(at) === crc32(packed)) return packed;
  throw new RangeError('The checksum is another.');
}

function damaged(what: string, cause: unknown): BrokerError {
  return new BrokerError('CORRUPT', `The stored ${what} cannot be read.`, { cause, details: { what } });
}
