/** True if a stored value is the one that was expected: null where there should be none. */
export function sameBytes(current: Uint8Array | undefined, expected: Uint8Array | null): boolean {
  if (!current || !expected) return !current && !expected;
  return Buffer.compare(current, expected) === 0;
}
