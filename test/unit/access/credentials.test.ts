import { describe, expect, it } from 'vitest';
import { checkNewPassword, checkUserName, credentialsOf, readAuthorization } from '../../../lib/access/credentials.ts';
import { basic } from '../../access-subject.ts';

const unauthenticated = expect.objectContaining({ code: 'UNAUTHENTICATED' });

describe('an Authorization header', () => {
  it('is Basic or Bearer, in any case', () => {
    expect(readAuthorization(undefined)).toBeUndefined();
    expect(readAuthorization(basic('alice', 'a:b'))).toEqual({ kind: 'password', name: 'alice', password: 'a:b' });
    expect(readAuthorization('bearer abc')).toEqual({ kind: 'token', token: 'abc' });
    expect(readAuthorization(basic('', 'abc'))).toEqual({ kind: 'token', token: 'abc' });
  });

  it.each(['', 'Basic', 'Basic !', basic('', ''), 'Basic bm8tY29sb24=', 'Digest a', 'Bearer', 'Bearer a b', 'abc'])(
    'that is none is refused, and not taken for no credentials: %j',
    (header) => {
      expect(() => readAuthorization(header)).toThrow(unauthenticated);
    },
  );
});

describe('a login and a passcode', () => {
  it('are a user and its password; without a login the passcode is a token', () => {
    expect(credentialsOf('alice', 'secret')).toEqual({ kind: 'password', name: 'alice', password: 'secret' });
    expect(credentialsOf(undefined, 'abc')).toEqual({ kind: 'token', token: 'abc' });
    expect(credentialsOf('', '')).toBeUndefined();
    expect(credentialsOf('alice', undefined)).toEqual({ kind: 'password', name: 'alice', password: '' });
  });

  it('have a most, beyond which nothing is computed', () => {
    expect(() => credentialsOf('alice', 'x'.repeat(257))).toThrow(unauthenticated);
    expect(() => credentialsOf('a'.repeat(65), 'x')).toThrow(unauthenticated);
    expect(() => credentialsOf('', 'x'.repeat(8193))).toThrow(unauthenticated);
  });
});

it('a name and a password of a user have their bounds', () => {
  for (const name of ['a', 'alice@example.org', 'Zoë', 'x'.repeat(64)]) expect(() => checkUserName(name)).not.toThrow();
  for (const name of ['', 'a b', 'a:b', 'a/b', 'x'.repeat(65), '\n'])
    expect(() => checkUserName(name)).toThrow('1 to 64');
  expect(() => checkNewPassword('12345678')).not.toThrow();
  for (const word of ['1234567', 'x'.repeat(257)]) expect(() => checkNewPassword(word)).toThrow('8 to 256');
});
