/** Messages whose sequences follow one another: `count` from `first`. */
export type Range = { readonly first: number; readonly count: number };

/** The first sequence after the range. */
export function endOf(range: Range): number {
  return range.first + range.count;
}

export function bySequence(a: Range, b: Range): number {
  return a.first - b.first;
}

/** Sorted, with those that touch made one. */
export function merged(ranges: readonly Range[]): Range[] {
  const all: Range[] = [];
  for (const { first, count } of [...ranges].sort(bySequence)) {
    const last = all.at(-1);
    if (last && endOf(last) >= first) {
      all[all.length - 1] = { first: last.first, count: Math.max(endOf(last), first + count) - last.first };
    } else {
      all.push({ first, count });
    }
  }
  return all;
}

/** What is left of a range without `cuts`, which are merged, from the cut `at` on. */
export function without(range: Range, cuts: readonly Range[], at = 0): Range[] {
  const rest: Range[] = [];
  let first = range.first;
  for (let i = at; i < cuts.length; i++) {
    const cut = cuts[i] as Range;
    if (cut.first >= endOf(range)) break;
    if (cut.first > first) rest.push({ first, count: cut.first - first });
    first = Math.max(first, endOf(cut));
  }
  if (first < endOf(range)) rest.push({ first, count: endOf(range) - first });
  return rest;
}

/** Whether a range meets one of several, which are sorted and do not overlap. */
export function meets(sorted: readonly Range[], range: Range): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(sorted[middle] as Range) <= range.first) low = middle + 1;
    else high = middle;
  }
  const found = sorted[low];
  return found !== undefined && found.first < endOf(range);
}
