/**
 * Deals `count` messages out among consumers as evenly as their credits allow, in the order given: the first gets the
 * odd one. Contiguous shares keep what is in flight short to write down.
 */
export function dealShares(count: number, credits: readonly number[]): number[] {
  const shares = credits.map(() => 0);
  let left = Math.min(
    count,
    credits.reduce((sum, credit) => sum + credit, 0),
  );
  while (left > 0) {
    const open = credits.flatMap((credit, i) => (credit > (shares[i] ?? 0) ? [i] : []));
    open.forEach((i, nth) => {
      const fair = Math.ceil(left / (open.length - nth));
      const share = Math.min(fair, (credits[i] ?? 0) - (shares[i] ?? 0));
      shares[i] = (shares[i] ?? 0) + share;
      left -= share;
    });
  }
  return shares;
}
