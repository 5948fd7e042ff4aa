/** A story that showed a fault in the core, what that was, and the mutation that brings it back. */
export type Regression = {
  readonly seed: number;
  readonly workload: string;
  readonly showed: string;
  readonly mutation: string;
};

/** `npm run mutants` sees to it that each story still catches its mutation. */
export const regressions: readonly Regression[] = [
  {
    seed: 32,
    workload: 'push',
    showed: 'Lambda ran one dispatch twice: both led under the nonce that was handed over, and both pushed',
    mutation: 'two dispatches share a nonce',
  },
  {
    seed: 32,
    workload: 'push',
    showed: 'a cumulative acknowledgement consumed what was lost in an earlier post of unknown outcome',
    mutation: 'a cumulative acknowledgement covers what may not have arrived',
  },
  {
    seed: 285,
    workload: 'expiry',
    showed: 'extending stopped at a page that was drawn since the head was read, and the rest went unextended',
    mutation: 'a page that was drawn meanwhile stops the extension',
  },
];
