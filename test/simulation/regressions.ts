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
    seed: 20,
    workload: 'transient',
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
    seed: 14,
    workload: 'management',
    showed: 'a message whose last delivery was rejected could not be browsed until a turn had dead-lettered it',
    mutation: 'a browse hides what waits to be dead-lettered',
  },
  {
    seed: 158,
    workload: 'management',
    showed: 'a deletion that was refused since the queue was in use had purged it',
    mutation: 'a refused deletion has purged the queue',
  },
];
