/**
 * Everything that can go wrong, by name. A code is part of the public interface: STOMP clients read it in the
 * ERROR frame's `code` header, REST clients in `error.code`.
 */
export type ErrorCode =
  | 'INVALID_FRAME'
  | 'INVALID_REQUEST'
  | 'INVALID_DESTINATION'
  | 'INVALID_HEADER'
  | 'INVALID_TOKEN'
  | 'UNSUPPORTED_VERSION'
  | 'NOT_CONNECTED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'ALREADY_CONNECTED'
  | 'UNKNOWN_SUBSCRIPTION'
  | 'DUPLICATE_SUBSCRIPTION'
  | 'UNKNOWN_TRANSACTION'
  | 'DUPLICATE_TRANSACTION'
  | 'NOT_SUPPORTED'
  | 'NOT_FOUND'
  | 'QUEUE_IN_USE'
  | 'TRANSACTION_ABORTED'
  | 'FORBIDDEN_ORIGIN'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'BODY_TOO_LARGE'
  | 'LIMIT_EXCEEDED'
  | 'OVERLOADED'
  | 'NOT_MASTER'
  | 'UNAVAILABLE'
  | 'CORRUPT'
  | 'INTERNAL';

/** How one code looks at each door. `retryable`: the same request may succeed later, unchanged. */
type ErrorFace = { readonly http: number; readonly stomp: string; readonly retryable: boolean };

/** The one table from a code to the HTTP status, the STOMP ERROR's `message` header and the SDK's `retryable`. */
export const errorFaces: Readonly<Record<ErrorCode, ErrorFace>> = {
  INVALID_FRAME: { http: 400, stomp: 'malformed frame', retryable: false },
  INVALID_REQUEST: { http: 400, stomp: 'invalid request', retryable: false },
  INVALID_DESTINATION: { http: 400, stomp: 'invalid destination', retryable: false },
  INVALID_HEADER: { http: 400, stomp: 'invalid header', retryable: false },
  INVALID_TOKEN: { http: 400, stomp: 'unknown acknowledgement', retryable: false },
  UNSUPPORTED_VERSION: { http: 400, stomp: 'unsupported protocol version', retryable: false },
  NOT_CONNECTED: { http: 401, stomp: 'not connected', retryable: false },
  UNAUTHENTICATED: { http: 401, stomp: 'not authenticated', retryable: false },
  FORBIDDEN: { http: 403, stomp: 'not allowed', retryable: false },
  ALREADY_CONNECTED: { http: 409, stomp: 'already connected', retryable: false },
  UNKNOWN_SUBSCRIPTION: { http: 404, stomp: 'unknown subscription', retryable: false },
  DUPLICATE_SUBSCRIPTION: { http: 409, stomp: 'duplicate subscription', retryable: false },
  UNKNOWN_TRANSACTION: { http: 404, stomp: 'unknown transaction', retryable: false },
  DUPLICATE_TRANSACTION: { http: 409, stomp: 'duplicate transaction', retryable: false },
  NOT_SUPPORTED: { http: 501, stomp: 'not supported', retryable: false },
  NOT_FOUND: { http: 404, stomp: 'not found', retryable: false },
  QUEUE_IN_USE: { http: 409, stomp: 'queue in use', retryable: false },
  TRANSACTION_ABORTED: { http: 409, stomp: 'transaction aborted', retryable: false },
  FORBIDDEN_ORIGIN: { http: 403, stomp: 'origin not allowed', retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, stomp: 'unsupported media type', retryable: false },
  BODY_TOO_LARGE: { http: 413, stomp: 'body too large', retryable: false },
  LIMIT_EXCEEDED: { http: 429, stomp: 'limit exceeded', retryable: false },
  OVERLOADED: { http: 503, stomp: 'overloaded', retryable: true },
  NOT_MASTER: { http: 503, stomp: 'not the master', retryable: true },
  UNAVAILABLE: { http: 503, stomp: 'unavailable', retryable: true },
  CORRUPT: { http: 500, stomp: 'damaged data', retryable: false },
  INTERNAL: { http: 500, stomp: 'internal error', retryable: false },
};

type ErrorOptions = { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown };

/**
 * The one failure of the broker. The message is for people: it names what was wrong and what is allowed.
 * `details` is for programs; `cause` stays inside and is never shown to a client.
 */
export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return errorFaces[this.code].retryable;
  }
}

/** Wraps what is not a BrokerError, so that nothing internal shows at a door. */
export function asBrokerError(cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause;
  return new BrokerError('INTERNAL', 'The broker failed to carry this out; its log says why.', { cause });
}
