import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { BrokerError } from '../../../lib/model/errors.ts';
import { type LeaseRecord, Mastership } from '../../../lib/server/mastership.ts';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { temporaryFolder } from '../../folders.ts';

const times = { leaseMs: 60, renewMs: 10, pollMs: 5, skewMs: 10 };
const silent = { onStandby: () => {}, onLost: () => {} };

class Record implements LeaseRecord {
  value: Uint8Array | undefined;
  isDown = false;
  read = async () => {
    if (this.isDown) throw new BrokerError('UNAVAILABLE', 'The store does not answer.');
    return this.value;
  };
  replace = async (expected: Uint8Array | null, value: Uint8Array) => {
    const current = await this.read();
    if (current !== (expected ?? undefined)) return false;
    this.value = value;
    return true;
  };
}

it('a standby waits on while the store does not answer', async () => {
  const record = new Record();
  record.isDown = true;
  setTimeout(() => {
    record.isDown = false;
  }, 50);
  const mastership = await Mastership.claim(record, times, 'a', new AbortController().signal, silent);
  expect(mastership).toBeDefined();
  await mastership?.release();
});

it('a master that cannot renew gives up once its claim is over', async () => {
  const record = new Record();
  const { promise: lost, resolve: onLost } = Promise.withResolvers<void>();
  await Mastership.claim(record, times, 'a', new AbortController().signal, { onStandby: () => {}, onLost });
  record.isDown = true;
  await lost;
});

it('a release waits for the renewal that is under way', async () => {
  const record = new Record();
  const { replace } = record;
  record.replace = async (expected, value) => {
    const replaced = await replace(expected, value);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return replaced;
  };
  const mastership = await Mastership.claim(record, times, 'a', new AbortController().signal, silent);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await mastership?.release();
  expect(JSON.parse(Buffer.from(record.value ?? []).toString())).toMatchObject({ until: 0 });
});

it('a broker whose port is taken leaves its data to others', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  using folder = temporaryFolder();
  const data = folder.path;
  await expect(startBroker({ data, port })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  let waited = false;
  const onStandby = () => {
    waited = true;
  };
  const broker = await startBroker({ data, port: 0, onStandby });
  expect(waited).toBe(false);
  await broker.close();
  other.close();
});
