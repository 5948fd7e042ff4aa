import { describe, expect, it } from 'vitest';
import { checkLimits, withLimits } from '../../../lib/model/limit-rules.ts';
import { cloudLimits, type Limits, localLimits, localOnDynamoLimits } from '../../../lib/model/limits.ts';
import { encodeToken } from '../../../lib/shard/codec/token.ts';

const circular: { list: unknown[] } = { list: [] };
circular.list.push(circular);

describe('a profile of limits', () => {
  it('takes the changes and keeps the rest', () => {
    expect(withLimits(cloudLimits, { deliveries: 3, textOnly: false })).toEqual({
      ...cloudLimits,
      deliveries: 3,
      textOnly: false,
    });
  });

  it('stays as it is where a change is undefined, or all of them are', () => {
    expect(withLimits(cloudLimits, { deliveries: undefined })).toEqual(cloudLimits);
    expect(withLimits(cloudLimits, undefined)).toEqual(cloudLimits);
  });

  it.each([cloudLimits, localLimits, localOnDynamoLimits])('is valid as it is: $profile', (profile) => {
    expect(() => checkLimits(profile)).not.toThrow();
    expect(withLimits(profile, {})).toEqual(profile);
  });

  it.each([
    [{ deliverys: 3 }, '"deliverys" is not valid: there is none of this name; there are bodyBytes, '],
    [{ profile: 'local' }, '"profile" is not valid: there is none of this name'],
    [{ toString: 3 }, '"toString" is not valid: there is none of this name'],
    [{ deliveries: '3' }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not "3".'],
    [{ deliveries: null }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not null.'],
    [{ deliverys: null }, '"deliverys" is not valid: there is none of this name'],
    [null, 'The limits are an object like {"deliveries": 3}, not null.'],
    [[], 'The limits are an object like {"deliveries": 3}, not [].'],
    [5, 'The limits are an object like {"deliveries": 3}, not 5.'],
    ['deliveries', 'The limits are an object like {"deliveries": 3}, not "deliveries".'],
    [{ deliveries: -1 }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not -1.'],
    [{ deliveries: 1.5 }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not 1.5.'],
    [{ deliveries: 3n }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not 3n.'],
    [{ deliveries: Number.NaN }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not NaN.'],
    [{ deliveries: Number.POSITIVE_INFINITY }, 'from 1 to 1000, not Infinity.'],
    [{ deliveries: circular }, '"deliveries" is not valid: it is a whole number from 1 to 1000, not an object.'],
    [circular.list, 'The limits are an object like {"deliveries": 3}, not an array.'],
    [3n, 'The limits are an object like {"deliveries": 3}, not 3n.'],
    [Symbol('x'), 'The limits are an object like {"deliveries": 3}, not a symbol.'],
    [{ postMs: 99 }, '"postMs" is not valid: it is a whole number from 100 to 25000, not 99.'],
    [{ leaseMs: 90 }, '"leaseMs" is not valid: it is a whole number from 100 to 3600000, not 90.'],
    [{ headerCount: 1 }, '"headerCount" is not valid: it is a whole number from 8 to 100000, not 1.'],
    [{ headerBytes: 1 }, '"headerBytes" is not valid: it is a whole number from 64 to 1048576, not 1.'],
    [{ frameBytes: 64 }, '"frameBytes" is not valid: it is a whole number from 512 to 131072, not 64.'],
    [{ textOnly: 1 }, '"textOnly" is not valid: it is true or false.'],
    [{ referencesPerLevel: 1 }, '"referencesPerLevel" is not valid: it is a whole number from 2 to 256, not 1.'],
    [{ postsAtOnce: 0 }, '"postsAtOnce" is not valid: it is a whole number from 1 to 10000, not 0.'],
    [{ inboxEntries: 350 }, '"inboxEntries" is not valid: it is a whole number from 1 to 256, not 350.'],
    [{ waitMs: 30_000 }, '"waitMs" is not valid: it is a whole number from 0 to 25000, not 30000.'],
    [{ retentionMs: 60_000 }, '"retentionMs" is not valid: it is a whole number from 3600000 to '],
  ] as const)('refuses %o by name, and says what is allowed', (changes, message) => {
    expect(() => withLimits(cloudLimits, changes)).toThrow(message);
  });

  it('names all that is not valid at once', () => {
    const changes = { postsAtOnce: 0, deliverys: 3, referencesPerLevel: 0 };
    expect(() => withLimits(cloudLimits, changes)).toThrow(/"deliverys".*"referencesPerLevel".*"postsAtOnce"/);
    expect(() => withLimits(cloudLimits, changes)).toThrow(
      expect.objectContaining({ name: 'BrokerError', code: 'INVALID_REQUEST' }),
    );
  });

  it.each([
    [
      { headerBytes: 300 },
      '"headerBytes" is not valid: with a "destinationBytes" of 255 it is at least 397, not 300: an ACK names its delivery',
    ],
    [
      { frameBytes: 1400, destinationBytes: 1024, bodyBytes: 100, headerBytes: 2000 },
      '"frameBytes" is not valid: with a "destinationBytes" of 1024 it is at least 1429, not 1400',
    ],
    [{ inboxReserve: 64 }, '"inboxReserve" is not valid: it is less than "inboxEntries", which is 64, not 64'],
    [{ prefetchMax: 10 }, '"prefetchDefault" is not valid: it is at most "prefetchMax", which is 10, not 20.'],
    [{ bodyBytes: 129_025 }, '"bodyBytes" is not valid: it is at most "deliveryBytes", which is 129024, not 129025.'],
    [
      { frameBytes: 100_000 },
      '"bodyBytes" is not valid: a frame with a destination has room for 99725, since "frameBytes" is 100000, not for 129024.',
    ],
    [{ batchBytes: 1000 }, '"deliveryBytes" is not valid: it is at most "batchBytes", which is 1000, not 129024.'],
    [{ visibilityMaxMs: 1000 }, '"visibilityMs" is not valid: it is at most "visibilityMaxMs"'],
    [{ probeMaxMs: 1000 }, '"probeMs" is not valid: it is at most "probeMaxMs"'],
    [{ inboxEntries: 200 }, '"batchCount" is not valid: with an "inboxEntries" of 200 it is at most 35, not 100'],
  ])('refuses %j, which contradicts the others', (changes, message) => {
    expect(() => withLimits(cloudLimits, changes)).toThrow(message);
  });

  it('takes together what fits together', () => {
    const changes = { inboxEntries: 200, batchCount: 35, prefetchDefault: 10, prefetchMax: 10 };
    expect(withLimits(cloudLimits, changes)).toMatchObject(changes);
    const large: Partial<Limits> = {
      inboxEntries: 4096,
      bodyBytes: 2 ** 24,
      frameBytes: 2 ** 25,
      deliveryBytes: 2 ** 25,
      batchBytes: 2 ** 25,
    };
    expect(withLimits(localLimits, large)).toMatchObject(large);
  });
});

it('has room for the header that an ACK names a delivery by, at the least', () => {
  const limits = withLimits(localLimits, { destinationBytes: 64, headerBytes: 142 });
  const shard = '/queue/'.padEnd(limits.destinationBytes, 'x');
  const delivery = {
    shard,
    incarnation: 'abcdef',
    sequence: 2 ** 47,
    attempt: 2 ** 31,
    backlog: true,
    cumulative: true,
  };
  expect(`id:${encodeToken(delivery)}`.length).toBeLessThanOrEqual(limits.headerBytes);
});
