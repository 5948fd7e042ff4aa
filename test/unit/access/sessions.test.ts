import { expect, it } from 'vitest';
import { Access } from '../../../lib/access/access.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { readConnection } from '../../../lib/broker/sessions/connections.ts';
import { noteRevocation } from '../../../lib/broker/sessions/sessions.ts';
import { describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../../lib/handlers/disconnect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { sweepHandler } from '../../../lib/handlers/sweep.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { TokenIssuer } from '../../token-issuer.ts';
import { environmentOn } from '../broker/environment.ts';

const context = {} as never;

/** Handlers as in the cloud, on a store in memory, at a time that the test sets. */
function cloud(keys?: Awaited<ReturnType<typeof TokenIssuer.open>>) {
  const store = new MemoryStore();
  const clock = { now: Date.now() };
  const closed: string[] = [];
  const posts: string[] = [];
  const faults = { closing: false };
  const tokens = keys && { issuer: keys.url, audience: TokenIssuer.audience, keys: keys.keys };
  const environment = environmentOn(store, {
    clock: { now: () => clock.now, date: () => clock.now, sleep: async () => {} },
    access: new Access({ store, now: () => clock.now, tokens }),
    push: {
      post: async (_, octets) => {
        posts.push(Buffer.from(octets).toString());
        return 'sent';
      },
      async close(connection) {
        if (faults.closing) throw new BrokerError('UNAVAILABLE', 'The gateway does not answer.');
        closed.push(connection);
      },
      isOpen: async () => true,
    },
  });
  const open = async (connectionId: string, headers: string) => {
    const event = { requestContext: { connectionId } };
    await connectHandler(environment)(event, context);
    const subscribe = 'SUBSCRIBE\nid:s\ndestination:/queue/q\n\n\0';
    await frameHandler(environment)(
      { ...event, body: `CONNECT\naccept-version:1.2\n${headers}\n\n\0${subscribe}` },
      context,
    );
  };
  const take = (connectionId: string, body: string) =>
    frameHandler(environment)({ requestContext: { connectionId }, body }, context);
  const sweep = () => sweepHandler(environment)(undefined, context);
  return { store, clock, environment, closed, posts, faults, open, take, sweep };
}

it('the sweep ends the connections of a token that has expired, and no others', async () => {
  const issuer = await TokenIssuer.open();
  const { environment, clock, closed, posts, open, sweep } = cloud(issuer);
  const exp = Math.floor(clock.now / 1000) + 60;
  await open('early', `passcode:${await issuer.sign({ exp, cirrusmq: ['read:>'] })}`);
  await open('late', `passcode:${await issuer.sign({ exp: exp + 60, cirrusmq: ['read:>'] })}`);
  clock.now = (exp + 5) * 1000 - 1;
  await sweep();
  expect(closed).toEqual([]);
  clock.now += 1;
  await sweep();
  expect(closed).toEqual(['early']);
  expect(posts.at(-1)).toContain('UNAUTHENTICATED');
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 1 });
  expect(await readConnection(environment.broker, 'late')).toBeDefined();
  await issuer.close();
});

it('the sweep ends what a revocation that was cut short left open', async () => {
  const { store, environment, clock, closed, open, sweep } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 1 });
  await noteRevocation(environment.broker, 'alice');
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  await sweep();
  expect(closed).toEqual(['c']);
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 0 });
  clock.now += 61_000;
  await sweep();
  expect(await store.listRecords('revocations', '', 10)).toEqual([]);
});

it('a login that a revocation overtakes is refused', async () => {
  const { store, environment, closed, posts, open } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('first', 'login:alice\npasscode:open sesame');
  // Another process changes the user: this one still knows who it was.
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  await open('second', 'login:alice\npasscode:open sesame');
  expect(posts.at(-1)).toContain('UNAUTHENTICATED');
  expect(closed).toEqual(['second']);
  expect((await readConnection(environment.broker, 'second'))?.principal).toBeUndefined();
  expect((await store.listRecords('session of alice', '', 10)).map(({ name }) => name)).toEqual(['first']);
});

it('a connection that closes leaves no trace of its session', async () => {
  const { store, environment, open } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  expect(await store.listRecords('session of alice', '', 10)).toHaveLength(1);
  await disconnectHandler(environment)({ requestContext: { connectionId: 'c' } }, context);
  expect(await store.listRecords('session of alice', '', 10)).toEqual([]);
});

it('the sweep tries again to close a connection that it could not close, however long ago the revocation was', async () => {
  const { store, environment, clock, closed, faults, open, sweep } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  await noteRevocation(environment.broker, 'alice');
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  faults.closing = true;
  clock.now += 61_000;
  await sweep();
  expect(closed).toEqual([]);
  faults.closing = false;
  await sweep();
  expect(closed).toEqual(['c']);
  expect(await store.listRecords('revocations', '', 10)).toEqual([]);
});

it('a user whose record cannot be read keeps no other from having its sessions ended', async () => {
  const { store, environment, closed, open, sweep } = cloud();
  await changeUser(store, 'bob', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:bob\npasscode:open sesame');
  for (const name of ['alice', 'bob']) await noteRevocation(environment.broker, name);
  await store.putRecord({ family: 'users', name: 'alice' }, Buffer.from('no record'));
  await changeUser(store, 'bob', { rules: [] }, 'r2');
  await sweep();
  expect(closed).toEqual(['c']);
});

it('the sweep ends sessions even where it cannot tell which shards are due', async () => {
  const { store, environment, closed, open, sweep } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  await noteRevocation(environment.broker, 'alice');
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  store.due = () => Promise.reject(new BrokerError('OVERLOADED', 'The index is throttled.'));
  await expect(sweep()).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect(closed).toEqual(['c']);
});

it('a frame that comes after the end of its connection is held against the user as it is now', async () => {
  const { store, environment, posts, open, take } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read,write:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  await disconnectHandler(environment)({ requestContext: { connectionId: 'c' } }, context);
  const send = 'SEND\ndestination:late\nreceipt:r\n\nbody\0';
  await take('c', send);
  expect(posts.at(-1)).toContain('RECEIPT');
  await changeUser(store, 'alice', { isDisabled: true }, 'r2');
  environment.access?.forget('alice');
  const told = posts.length;
  await take('c', send);
  // There is nobody any more to be told.
  expect(posts).toHaveLength(told);
  expect(await describeQueue(environment.broker, 'late')).toMatchObject({ depth: 1 });
});

it('a frame that comes after the end of its connection is refused once its token has expired', async () => {
  const issuer = await TokenIssuer.open();
  const { environment, clock, posts, open, take, sweep } = cloud(issuer);
  const exp = Math.floor(clock.now / 1000) + 60;
  await open('c', `passcode:${await issuer.sign({ exp, cirrusmq: ['read,write:>'] })}`);
  clock.now = (exp + 5) * 1000;
  await sweep();
  await take('c', 'SEND\ndestination:late\n\nbody\0');
  expect(posts.at(-1)).toContain('UNAUTHENTICATED');
  await expect(describeQueue(environment.broker, 'late')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await issuer.close();
});
