/** Connections that read too slowly to be given more for now. */
export type Congestion = {
  /** Their ids, as it is now: a value that does not change. */
  readonly now: () => ReadonlySet<string>;
  /**
   * Calls back once, when the connection has room again; at once if it has. Never, if it goes before.
   * @param asker who asks again before that is called once all the same
   */
  readonly onDrained: (connection: string, asker: string, then: () => void) => void;
};
