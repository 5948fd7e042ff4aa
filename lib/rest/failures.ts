import { type BrokerError, type ErrorCode, errorFaces } from '../model/errors.ts';

/** What went wrong, as REST clients see it. */
export type Failure = {
  readonly code: ErrorCode;
  /** For people: what was wrong, and what is allowed. */
  readonly message: string;
  /** True if the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  /** For programs; what it holds depends on the code. */
  readonly details?: Readonly<Record<string, unknown>>;
};

/** The failure without its cause, which stays inside. */
export function failureOf(error: BrokerError): Failure {
  const { code, message, retryable, details } = error;
  return Object.keys(details).length > 0 ? { code, message, retryable, details } : { code, message, retryable };
}

/** The one shape of a request that failed: its HTTP status, and its body. */
export function errorResponse(error: BrokerError): { status: number; json: { error: Failure } } {
  return { status: errorFaces[error.code].http, json: { error: failureOf(error) } };
}
