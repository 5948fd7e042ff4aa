/** A story that showed a fault in the core, what that was, and the mutation that brings it back. */
export type Regression = {
  readonly seed: number;
  readonly workload: string;
  readonly showed: string;
  readonly mutation: string;
};

/** `npm run mutants` sees to it that each story still catches its mutation. */
export const regressions: readonly Regression[] = [];
