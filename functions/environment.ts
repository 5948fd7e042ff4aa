import { BrokerError } from '../lib/model/errors.ts';

/** @throws BrokerError UNAVAILABLE, naming what the function's environment lacks */
export function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new BrokerError('UNAVAILABLE', `The function's environment lacks ${name}.`);
}
