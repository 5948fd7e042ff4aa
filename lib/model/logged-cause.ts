import type { BrokerError } from './errors.ts';

/** What a log shows of a failure's cause. */
export type LoggedCause = { readonly name: string; readonly stack: readonly string[] };

/**
 * Of a cause only its name and its place: its message may quote what a client sent, as that of a JSON parser does.
 * @returns undefined if there is no cause
 */
export function loggedCause({ cause }: BrokerError): LoggedCause | undefined {
  return cause instanceof Error ? { name: cause.name, stack: framesOf(cause) } : undefined;
}

/** The stack without the message that it begins with. */
function framesOf({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}
