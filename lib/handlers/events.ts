/** What the handlers use of an API Gateway WebSocket event. */
export type SocketEvent = {
  readonly requestContext: { readonly connectionId: string };
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
};

/** An invocation of `dispatch`: a shard that was handed over as `nonce`, or that wants a turn `at` a time. */
export type DispatchEvent = {
  readonly shard: string;
  readonly nonce?: string;
  readonly at?: number;
  /** How many invocations in a row have handed the shard over to the next; 0 if missing. */
  readonly hops?: number;
};
