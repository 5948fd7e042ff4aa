import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cloudLimits, type Limits } from '../../../lib/model/limits.ts';
import type { BrokerOptions } from '../../../lib/server/options.ts';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { RawStomp } from '../../raw-stomp.ts';
import { environmentOn } from '../broker/environment.ts';

it('a broker does not start with limits that cannot be kept, and has opened nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cirrusmq-limits-'));
  const data = join(folder, 'data');
  await expect(startBroker({ port: 0, data, limits: { referencesPerLevel: 1 } })).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    message: 'The limit "referencesPerLevel" is not valid: it is a whole number from 2 to 4096, not 1.',
  });
  expect(existsSync(data)).toBe(false);
  await rm(folder, { recursive: true });
});

it.each([
  [{ prot: 1 }, 'What startBroker is given has no option "prot"; there are host, port, stompPort, data, '],
  [null, 'What startBroker is given must be an object.'],
  [[], 'What startBroker is given must be an object.'],
  [{ access: { tokens: null } }, 'access.tokens must be an object'],
  [{ port: 70_000 }, 'port must be at most 65535.'],
  [{ stompPort: -1 }, 'stompPort must be at least 0.'],
  [{ port: '61614' }, 'port must be a number.'],
  [{ memory: 'yes' }, 'memory must be true or false.'],
  [{ data: '' }, 'data must have at least 1 characters.'],
  [{ strict: 'yes' }, 'strict must be true, false or an object of options.'],
  [
    { dynamodb: { prefix: 'x' } },
    'dynamodb has no option "prefix"; there are tablePrefix, endpoint, groups, createTables, takeOver.',
  ],
  [{ access: { users: true } }, 'access has no option "users"; there are tokens, credentialsAtUpgrade, administrator.'],
  [{ access: null }, 'access must be "open" or an object of options'],
  [{ access: { credentialsAtUpgrade: 'yes' } }, 'access.credentialsAtUpgrade must be true or false.'],
  [{ data: 'folder' }, 'memory and data exclude each other: give one of them.'],
  [{ dynamodb: { tablePrefix: 'x' } }, 'memory and dynamodb exclude each other: give one of them.'],
  [{ memory: false, data: 'folder', dynamodb: { tablePrefix: 'x' } }, 'dynamodb and data exclude each other'],
  [{ port: 7801, stompPort: 7801 }, 'port and stompPort must differ, or be 0 for free ones: both are 7801.'],
  [{ port: 61_613 }, 'port and stompPort must differ, or be 0 for free ones: both are 61613.'],
  [{ strict: { idleMs: 3_000_000_000 } }, 'strict.idleMs must be at most 2147483647'],
  [{ log: 'stderr' }, 'log must be a function.'],
  [{ limits: null }, 'The limits are an object like {"deliveries": 3}, not null.'],
  [{ limits: [] }, 'The limits are an object like {"deliveries": 3}, not [].'],
  [{ limits: 5 }, 'The limits are an object like {"deliveries": 3}, not 5.'],
])('a broker does not start with %j, and says what is allowed', async (options, message) => {
  const given = options && !Array.isArray(options) ? { memory: true, ...options } : options;
  await expect(startBroker(given as BrokerOptions)).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
    message: expect.stringContaining(message),
  });
});

it('an option of a broker that is undefined is as if it was left out', async () => {
  const limits = { deliveries: undefined } as unknown as Partial<Limits>;
  const unset = { data: undefined, access: undefined, strict: undefined } as unknown as BrokerOptions;
  const broker = await startBroker({ port: 0, memory: true, ...unset, limits });
  await broker.close();
});

it('a broker takes that credentials are shown at the upgrade, and one port where there is no plain STOMP', async () => {
  const access = { credentialsAtUpgrade: true };
  const broker = await startBroker({ memory: true, port: 0, stompPort: 0, strict: true, access });
  await broker.close();
});

it('a broker that is as strict as the cloud has the bounds of the cloud', async () => {
  const limits = { inboxEntries: 1024 };
  await expect(startBroker({ port: 0, memory: true, strict: true, limits })).rejects.toThrow('"inboxEntries"');
});

it('handlers are not made with limits that cannot be kept', () => {
  const limits = { ...cloudLimits, postsAtOnce: 0 };
  expect(() => environmentOn(new MemoryStore(), { limits })).toThrow('"postsAtOnce"');
});

it.each<Partial<Limits>>([
  { leaseMs: 20 },
  { postMs: 100 },
  { headerCount: 8 },
  { destinationBytes: 64, headerBytes: 142 },
  { destinationBytes: 64, bodyBytes: 100, frameBytes: 512 },
])('a broker with the least that is allowed delivers, and takes what is acknowledged: %o', async (limits) => {
  const broker = await startBroker({ port: 0, memory: true, limits });
  const raw = await RawStomp.connect(broker.stompUrl);
  const queue = '/queue/'.padEnd(60, 'q');
  raw.send(`SUBSCRIBE\nid:s\ndestination:${queue}\nack:client-individual\n\n\0`);
  await raw.ask(`SEND\ndestination:${queue}\nreceipt:sent\n\nx\0`);
  const [message] = await raw.messages(1);
  const acknowledged = await raw.ask(`ACK\nid:${message?.headers.ack}\nreceipt:done\n\n\0`);
  expect(acknowledged.headers['receipt-id']).toBe('done');
  await broker.close();
});
