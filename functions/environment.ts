import type { Log } from '../lib/broker/parts.ts';
import { BrokerError } from '../lib/model/errors.ts';

/** @throws BrokerError UNAVAILABLE, naming what the function's environment lacks */
export function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new BrokerError('UNAVAILABLE', `The function's environment lacks ${name}.`);
}

/** A line of JSON for each event. */
export const log: Log = (event, details, error) => {
  const level = error ? 'ERROR' : 'INFO';
  const failure = error && { code: error.code, message: error.message, stack: error.stack };
  process.stdout.write(`${JSON.stringify({ level, event, ...details, ...(failure ? { error: failure } : {}) })}\n`);
};
