import { Packr } from 'msgpackr';
import { BrokerError } from '../model/errors.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

/** MessagePack, in arrays and plain values only: small, and the same on every runtime. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** @throws BrokerError CORRUPT, naming `what` was being read. */
export function unpack(what: string, bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new BrokerError('CORRUPT', `The stored ${what} cannot be read.`, { cause, details: { what } });
  }
}

/** Reads a stored array whose first element is the version of its layout. */
export function unpackVersioned(what: string, bytes: Uint8Array, version: number): readonly unknown[] {
  const value = unpack(what, bytes);
  if (!Array.isArray(value)) throw new BrokerError('CORRUPT', `The stored ${what} is not of a known layout.`);
  if (value[0] !== version) {
    throw new BrokerError('UNAVAILABLE', `The stored ${what} is of version ${value[0]}; this code reads ${version}.`);
  }
  return value;
}
