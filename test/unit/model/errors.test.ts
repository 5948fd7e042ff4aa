import { describe, expect, it } from 'vitest';
import { asBrokerError, BrokerError, type ErrorCode, errorFaces } from '../../../lib/model/errors.ts';

const codes = Object.keys(errorFaces) as ErrorCode[];

describe('the table of errors', () => {
  it.each(codes)('gives %s an HTTP status, words for a STOMP ERROR and whether to try again', (code) => {
    const { http, stomp, retryable } = errorFaces[code];
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
    expect(stomp).toMatch(/^[a-z][a-z -]+$/);
    expect(retryable).toBe(http === 503);
    expect(new BrokerError(code, 'why').retryable).toBe(retryable);
  });

  it('gives each code words of its own', () => {
    expect(new Set(codes.map((code) => errorFaces[code].stomp)).size).toBe(codes.length);
  });
});

describe('an error', () => {
  it('carries its code, its details and its cause', () => {
    const cause = new Error('inside');
    const error = new BrokerError('CORRUPT', 'why', { cause, details: { what: 'page' } });
    expect(error).toMatchObject({ name: 'BrokerError', code: 'CORRUPT', details: { what: 'page' }, cause });
    expect(new BrokerError('CORRUPT', 'why').details).toEqual({});
  });

  it('of another kind becomes INTERNAL, and shows nothing of itself', () => {
    const wrapped = asBrokerError(new TypeError('secret'));
    expect(wrapped).toMatchObject({ code: 'INTERNAL', retryable: false });
    expect(wrapped.message).not.toContain('secret');
    expect(asBrokerError(wrapped)).toBe(wrapped);
  });
});
