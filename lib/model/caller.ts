/** Who waits for the answer to a request, where the door knows when nobody does any more. */
export type Caller = {
  /** Aborted when the caller's connection went before the whole answer had. */
  readonly gone: AbortSignal;
  /** Whether some of the answer may have arrived. */
  readonly mayHaveHeard: () => boolean;
};
