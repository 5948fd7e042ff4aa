import { expect, it } from 'vitest';
import { Access } from '../../../lib/access/access.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { readConnection } from '../../../lib/broker/connections.ts';
import { describeQueue } from '../../../lib/broker/queues.ts';
import { noteRevocation } from '../../../lib/broker/sessions.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../../lib/handlers/disconnect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { sweepHandler } from '../../../lib/handlers/sweep.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { TokenIssuer } from '../../token-issuer.ts';
import { benchOn } from '../broker/bench.ts';

const context = {} as never;

/** Handlers as in the cloud, on a store in memory, at a time that the test sets. */
function cloud(keys?: Awaited<ReturnType<typeof TokenIssuer.open>>) {
  const store = new MemoryStore();
  const clock = { now: Date.now() };
  const closed: string[] = [];
  const posts: string[] = [];
  const tokens = keys && { issuer: keys.url, audience: TokenIssuer.audience, keys: keys.keys };
  const bench = benchOn(store, {
    clock: { now: () => clock.now, sleep: async () => {} },
    access: new Access({ store, now: () => clock.now, tokens }),
    push: {
      post: async (_, octets) => {
        posts.push(Buffer.from(octets).toString());
        return 'sent';
      },
      close: async (connection) => void closed.push(connection),
      isOpen: async () => true,
    },
  });
  const open = async (connectionId: string, headers: string) => {
    const event = { requestContext: { connectionId } };
    await connectHandler(bench)(event, context);
    const subscribe = 'SUBSCRIBE\nid:s\ndestination:/queue/q\n\n\0';
    await frameHandler(bench)({ ...event, body: `CONNECT\naccept-version:1.2\n${headers}\n\n\0${subscribe}` }, context);
  };
  return { store, clock, bench, closed, posts, open, sweep: () => sweepHandler(bench)(undefined, context) };
}

it('the sweep ends the connections of a token that has expired, and no others', async () => {
  const issuer = await TokenIssuer.open();
  const { bench, clock, closed, posts, open, sweep } = cloud(issuer);
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
  expect(await describeQueue(bench.broker, 'q')).toMatchObject({ consumers: 1 });
  expect(await readConnection(bench.broker, 'late')).toBeDefined();
  await issuer.close();
});

it('the sweep ends what a revocation that was cut short left open', async () => {
  const { store, bench, clock, closed, open, sweep } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  expect(await describeQueue(bench.broker, 'q')).toMatchObject({ consumers: 1 });
  await noteRevocation(bench.broker, 'alice');
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  await sweep();
  expect(closed).toEqual(['c']);
  expect(await describeQueue(bench.broker, 'q')).toMatchObject({ consumers: 0 });
  clock.now += 61_000;
  await sweep();
  expect(await store.listRecords('revocations', '', 10)).toEqual([]);
});

it('a login that a revocation overtakes is refused', async () => {
  const { store, bench, closed, posts, open } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('first', 'login:alice\npasscode:open sesame');
  // Another process changes the user: this one still knows who it was.
  await changeUser(store, 'alice', { rules: [] }, 'r2');
  await open('second', 'login:alice\npasscode:open sesame');
  expect(posts.at(-1)).toContain('UNAUTHENTICATED');
  expect(closed).toEqual(['second']);
  expect((await readConnection(bench.broker, 'second'))?.principal).toBeUndefined();
  expect((await store.listRecords('session of alice', '', 10)).map(({ name }) => name)).toEqual(['first']);
});

it('a connection that closes leaves no trace of its session', async () => {
  const { store, bench, open } = cloud();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
  await open('c', 'login:alice\npasscode:open sesame');
  expect(await store.listRecords('session of alice', '', 10)).toHaveLength(1);
  await disconnectHandler(bench)({ requestContext: { connectionId: 'c' } }, context);
  expect(await store.listRecords('session of alice', '', 10)).toEqual([]);
});
