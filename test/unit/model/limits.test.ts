import { describe, expect, it } from 'vitest';
import { cloudLimits, withLimits } from '../../../lib/model/limits.ts';

describe('a profile of limits', () => {
  it('takes the changes and keeps the rest', () => {
    expect(withLimits(cloudLimits, { deliveries: 3, textOnly: false })).toEqual({
      ...cloudLimits,
      deliveries: 3,
      textOnly: false,
    });
  });

  it.each([
    [{ deliverys: 3 }, '"deliverys" is not valid: there is none of this name'],
    [{ deliveries: '3' }, '"deliveries" is not valid: it is a number'],
    [{ deliveries: -1 }, '"deliveries" is not valid: it is a whole number'],
    [{ deliveries: 1.5 }, '"deliveries" is not valid: it is a whole number'],
  ])('refuses %j by name', (changes, message) => {
    expect(() => withLimits(cloudLimits, changes)).toThrow(message);
  });
});
