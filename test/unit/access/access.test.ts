import { describe, expect, it } from 'vitest';
import { Access, type Refused } from '../../../lib/access/access.ts';
import type { TokenOptions } from '../../../lib/access/tokens.ts';
import { changeUser, ensureAdministrator, removeUser } from '../../../lib/access/users.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { TokenIssuer } from '../../token-issuer.ts';
import { storeWith } from '../broker/environment.ts';

const unauthenticated = { code: 'UNAUTHENTICATED' };

function passwordOf(name: string, password: string) {
  return { kind: 'password', name, password } as const;
}

/** Access to users of a store in memory, at a time that the test sets. */
function accessAt(start: number, tokens?: TokenOptions) {
  let reads = 0;
  const store = storeWith((inner) => ({
    getRecord: (key) => {
      reads++;
      return inner.getRecord(key);
    },
  }));
  const clock = { now: start };
  return { store, clock, reads: () => reads, access: new Access({ store, now: () => clock.now, tokens }) };
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work().catch(() => {});
  return performance.now() - begun;
}

describe('a user', () => {
  it('is who knows the password', async () => {
    const { access, store } = accessAt(0);
    await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:/queue/a'] }, 'r1');
    const principal = await access.authenticate(passwordOf('alice', 'open sesame'));
    expect(principal).toEqual({ kind: 'user', name: 'alice', revision: 'r1' });
    expect((await access.grantsOf(principal)).may('read', '/queue/a')).toBe(true);
    for (const wrong of [passwordOf('alice', 'open sesamf'), passwordOf('bob', 'open sesame'), undefined]) {
      await expect(access.authenticate(wrong)).rejects.toMatchObject(unauthenticated);
    }
  });

  it('who is unknown or disabled costs as much as one who is known', async () => {
    const { access, store } = accessAt(0);
    await changeUser(store, 'alice', { password: 'open sesame' }, 'r');
    await changeUser(store, 'off', { password: 'open sesame', isDisabled: true }, 'r');
    const known = await msOf(() => access.authenticate(passwordOf('alice', 'wrong one')));
    for (const attempt of [passwordOf('nobody', 'wrong one'), passwordOf('off', 'open sesame')]) {
      const ms = await msOf(() => access.authenticate(attempt));
      expect(ms).toBeGreaterThan(known / 4);
    }
  });

  it('whose password was verified is not hashed again for a minute, and a wrong one always is', async () => {
    const { access, store, clock } = accessAt(0);
    await changeUser(store, 'alice', { password: 'open sesame' }, 'r');
    const right = () => msOf(() => access.authenticate(passwordOf('alice', 'open sesame')));
    const wrong = () => msOf(() => access.authenticate(passwordOf('alice', 'wrong one')));
    const first = await right();
    expect(await right()).toBeLessThan(first / 4);
    await wrong();
    expect(await wrong()).toBeGreaterThan(first / 4);
    clock.now += 60_000;
    expect(await right()).toBeGreaterThan(first / 4);
  });

  it('is read at most once in five seconds, and a change by another process counts within them', async () => {
    const { access, store, clock, reads } = accessAt(0);
    await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
    const principal = await access.authenticate(passwordOf('alice', 'open sesame'));
    const before = reads();
    for (let i = 0; i < 100; i++) await access.grantsOf(principal);
    expect(reads()).toBe(before);
    await changeUser(store, 'alice', { rules: [] }, 'r2');
    clock.now += 5000;
    await expect(access.grantsOf(principal)).rejects.toMatchObject(unauthenticated);
    const again = await access.authenticate(passwordOf('alice', 'open sesame'));
    await removeUser(store, 'alice');
    await expect(access.confirm(again)).rejects.toMatchObject(unauthenticated);
  });

  it('needs a password at first, and keeps what a change does not name', async () => {
    const store = new MemoryStore();
    await expect(changeUser(store, 'alice', { rules: [] }, 'r')).rejects.toThrow('needs a password');
    const made = await changeUser(store, 'alice', { password: 'open sesame', rules: ['read:>'] }, 'r1');
    expect(await changeUser(store, 'alice', { isDisabled: true }, 'r2')).toEqual({
      ...made,
      isDisabled: true,
      revision: 'r2',
    });
  });

  it('who administers is made once, and set right where it is not', async () => {
    const store = new MemoryStore();
    await ensureAdministrator(store, 'admin', 'open sesame', 'r1');
    await ensureAdministrator(store, 'admin', 'open sesame', 'r2');
    const access = new Access({ store, now: () => 0 });
    expect(await access.authenticate(passwordOf('admin', 'open sesame'))).toMatchObject({ revision: 'r1' });
    await ensureAdministrator(store, 'admin', 'another one', 'r3');
    access.forget('admin');
    expect(await access.authenticate(passwordOf('admin', 'another one'))).toMatchObject({ revision: 'r3' });
  });
});

describe('a token', () => {
  const { audience } = TokenIssuer;

  it('is verified by keys of the configuration, without asking the issuer', async () => {
    const issuer = await TokenIssuer.open();
    const { access } = accessAt(Date.now(), { issuer: issuer.url, audience, keys: issuer.keys });
    const token = await issuer.sign({ cirrusmq: ['read:/queue/a'] });
    const principal = await access.authenticate({ kind: 'token', token });
    expect(principal).toMatchObject({ kind: 'token', name: 'token-user', rules: ['read:/queue/a'] });
    expect(issuer.asked).toBe(0);
    await issuer.close();
  });

  it("is verified by the issuer's keys, which are asked for once", async () => {
    const issuer = await TokenIssuer.open();
    const { access } = accessAt(Date.now(), { issuer: issuer.url, audience, claim: 'scope' });
    for (let i = 0; i < 3; i++) {
      const token = await issuer.sign({ scope: 'openid write:/queue/b' });
      expect(await access.authenticate({ kind: 'token', token })).toMatchObject({ rules: ['write:/queue/b'] });
    }
    expect(issuer.asked).toBe(1);
    await issuer.close();
  });

  it('cannot be judged while the keys cannot be had, and can be once they are there', async () => {
    const issuer = await TokenIssuer.open();
    const token = await issuer.sign();
    const { access } = accessAt(Date.now(), { issuer: issuer.url, audience });
    const { url } = issuer;
    issuer.url = 'http://127.0.0.1:1/another';
    await expect(access.authenticate({ kind: 'token', token })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    issuer.url = url;
    expect(await access.authenticate({ kind: 'token', token })).toMatchObject({ name: 'token-user' });
    await issuer.close();
  });

  it('is not judged by keys that come unencrypted over a network', async () => {
    const { access } = accessAt(0, { issuer: 'http://issuer.example', audience });
    const refused = access.authenticate({ kind: 'token', token: 'a.b.c' });
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('https') });
  });

  it('is taken until it expires and five seconds more, by the clock of the broker', async () => {
    const issuer = await TokenIssuer.open();
    const { access, clock } = accessAt(1_000_000_000_000, { issuer: issuer.url, audience, keys: issuer.keys });
    const exp = clock.now / 1000 + 60;
    const principal = await access.authenticate({ kind: 'token', token: await issuer.sign({ exp }) });
    clock.now = (exp + 5) * 1000 - 1;
    await access.grantsOf(principal);
    clock.now += 1;
    await expect(access.grantsOf(principal)).rejects.toMatchObject(unauthenticated);
    await issuer.close();
  });

  it('is refused where no issuer is configured', async () => {
    const { access } = accessAt(0);
    const refused = access.authenticate({ kind: 'token', token: 'a.b.c' });
    await expect(refused).rejects.toMatchObject(unauthenticated);
  });
});

it("tells of each wrong password and token, and of no name that is nobody's", async () => {
  const store = new MemoryStore();
  const refused: Refused[] = [];
  const issuer = await TokenIssuer.open();
  const tokens = { issuer: issuer.url, audience: TokenIssuer.audience };
  const access = new Access({ store, now: Date.now, tokens, onRefused: (one) => refused.push(one) });
  await changeUser(store, 'alice', { password: 'open sesame', rules: [] }, 'r1');
  const attempts = [
    passwordOf('alice', 'open sesamf'),
    passwordOf('my password', 'typed here'),
    { kind: 'token', token: 'a.b.c' } as const,
    passwordOf('alice', 'open sesame'),
    undefined,
  ];
  for (const credentials of attempts) await access.authenticate(credentials).catch(() => {});
  expect(refused).toEqual([{ by: 'password', user: 'alice' }, { by: 'password' }, { by: 'token' }]);
  await issuer.close();
});
