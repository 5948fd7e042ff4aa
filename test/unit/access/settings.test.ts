import { expect, it } from 'vitest';
import { readAccessSettings } from '../../../lib/access/settings.ts';

it('a function is closed unless its environment says that it is open', () => {
  expect(readAccessSettings({})).toEqual({ tokens: undefined, credentialsAtUpgrade: false });
  expect(readAccessSettings({ ACCESS: 'closed' })).toEqual({ tokens: undefined, credentialsAtUpgrade: false });
  expect(readAccessSettings({ ACCESS: 'open', JWT_ISSUER: 'https://issuer.example' })).toBeUndefined();
  for (const ACCESS of ['', 'Open', 'true']) {
    expect(() => readAccessSettings({ ACCESS })).toThrow('open or closed');
  }
});

it('a function takes tokens where its environment names an issuer and an audience', () => {
  const named = { JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'queues' };
  const tokens = { issuer: 'https://issuer.example', audience: 'queues', jwksUri: undefined, claim: undefined };
  expect(readAccessSettings(named)).toEqual({ tokens, credentialsAtUpgrade: false });
  expect(readAccessSettings({ ...named, JWT_CLAIM: 'scope' })).toMatchObject({ tokens: { ...tokens, claim: 'scope' } });
  expect(readAccessSettings({ CREDENTIALS_AT_UPGRADE: 'true' })).toMatchObject({ credentialsAtUpgrade: true });
  expect(() => readAccessSettings({ JWT_ISSUER: 'https://issuer.example' })).toThrow('JWT_AUDIENCE');
});
