import { Packr } from 'msgpackr';
import { BrokerError } from '../model/errors.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

/** MessagePack, in arrays and plain values only: small, and the same on every runtime. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/**
 * Reads a stored value with `read`; whatever that trips over is damage.
 * @throws BrokerError CORRUPT, naming `what` was being read; what `read` throws as such
 */
export function unpack<T>(what: string, bytes: Uint8Array, read: (value: readonly unknown[]) => T): T {
  try {
    const value = packr.unpack(bytes);
    if (Array.isArray(value)) return read(value);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw damaged(what, cause);
  }
  throw damaged(what, undefined);
}

/** Reads a stored array whose first element is the version of its layout. */
export function unpackVersioned<T>(
  what: string,
  bytes: Uint8Array,
  version: number,
  read: (value: readonly unknown[]) => T,
): T {
  return unpack(what, bytes, (value) => {
    if (value[0] === version) return read(value);
    if (typeof value[0] !== 'number') throw damaged(what, undefined);
    throw new BrokerError('UNAVAILABLE', `The stored ${what} is of version ${value[0]}; this code reads ${version}.`);
  });
}

function damaged(what: string, cause: unknown): BrokerError {
  return new BrokerError('CORRUPT', `The stored ${what} cannot be read.`, { cause, details: { what } });
}
