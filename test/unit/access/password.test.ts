import { describe, expect, it } from 'vitest';
import { hashing, hashPassword, isPassword, nobodysHash } from '../../../lib/access/password.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { Admission } from '../../../lib/model/admission.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';

describe('a password', () => {
  it('is kept as a salted scrypt hash that bears its own parameters', async () => {
    const hashes = [await hashPassword('open sesame'), await hashPassword('open sesame')];
    for (const hash of hashes) {
      expect(hash).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w-]{22}\$[\w-]{43}$/);
      expect(await isPassword('open sesame', hash)).toBe(true);
      expect(await isPassword('open sesamf', hash)).toBe(false);
      expect(await isPassword('', hash)).toBe(false);
    }
    expect(hashes[0]).not.toBe(hashes[1]);
  });

  it('is held against a hash by the parameters of that hash', async () => {
    const weaker = '$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$';
    const { scryptSync } = await import('node:crypto');
    const key = scryptSync('open sesame', Buffer.from('saltsaltsaltsalt'), 32, { N: 1024, r: 8, p: 1 });
    expect(await isPassword('open sesame', weaker + key.toString('base64url'))).toBe(true);
  });

  it('is none of a hash that cannot be read, and never that of nobody', async () => {
    expect(await isPassword('open sesame', '$scrypt$ln=15,r=8,p=3$$')).toBe(false);
    expect(await isPassword('', nobodysHash)).toBe(false);
  });

  it('stands in no record of the directory', async () => {
    const store = new MemoryStore();
    await changeUser(store, 'alice', { password: 'open sesame' }, 'r');
    const [record] = await store.listRecords('users', '', 10);
    expect(Buffer.from(record?.value ?? []).toString('latin1')).not.toContain('open sesame');
  });
});

describe('the admission to hashing', () => {
  it('lets two compute at a time, a hundred wait, and refuses more as OVERLOADED', async () => {
    const admission = new Admission(hashing);
    const gate = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++running);
      await gate.promise;
      running--;
    };
    const taken = Array.from({ length: 102 }, () => admission.run(work));
    await expect(admission.run(work)).rejects.toMatchObject({ code: 'OVERLOADED', retryable: true });
    gate.resolve();
    await Promise.all(taken);
    expect(most).toBe(2);
    await admission.run(async () => {});
  });
});
