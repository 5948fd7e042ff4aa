import type { Principal } from '../access/principal.ts';

/** What the handlers use of an API Gateway WebSocket event. */
export type SocketEvent = {
  readonly requestContext: {
    readonly connectionId: string;
    /** Whom a self-hosted broker found out before it took the upgrade; API Gateway puts nobody here. */
    readonly principal?: Principal | undefined;
  };
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Of `$connect`; null where there is none. */
  readonly queryStringParameters?: Readonly<Record<string, string | undefined>> | null;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
};

/** A header by its name in lower case: API Gateway gives names as the client wrote them. */
export function headerIn(headers: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const written = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  return written === undefined ? undefined : headers[written];
}

/** An invocation of `dispatch`: a shard that was handed over as `nonce`, or that wants a turn `at` a time. */
export type DispatchEvent = {
  readonly shard: string;
  readonly nonce?: string;
  readonly at?: number;
  /** How many invocations in a row have handed the shard over to the next; 0 if missing. */
  readonly hops?: number;
};
