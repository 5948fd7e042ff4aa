import type { Headers } from '../model/message.ts';

/** A version of the protocol, as `accept-version` and `version` write it. */
export type StompVersion = '1.0' | '1.1' | '1.2';

/**
 * One STOMP frame, unescaped. `headers` has no prototype, and of a repeated header holds the first.
 * @see STOMP 1.2, "STOMP Frames" and "Repeated Header Entries"
 */
export type Frame = {
  readonly command: string;
  readonly headers: Headers;
  /** A view, not a copy, of the octets that were read: who keeps it for long copies it. */
  readonly body: Uint8Array;
  /** False if the body ended at the first NUL, which by custom marks a text. @see ActiveMQ: STOMP, `content-length` */
  readonly hasContentLength: boolean;
};

/** Who reads: a server takes the frames of clients, a client those of servers. */
export type Role = 'server' | 'client';

/** The commands that each role reads. @see STOMP 1.2, "Augmented BNF" */
export const commandsReadBy: Readonly<Record<Role, readonly string[]>> = {
  server: [
    'CONNECT',
    'STOMP',
    'SEND',
    'SUBSCRIBE',
    'UNSUBSCRIBE',
    'ACK',
    'NACK',
    'BEGIN',
    'COMMIT',
    'ABORT',
    'DISCONNECT',
  ],
  client: ['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR'],
};

/** Only these may have a body. @see STOMP 1.2, "Body" */
export function mayHaveBody(command: string): boolean {
  return command === 'SEND' || command === 'MESSAGE' || command === 'ERROR';
}

/** The frames that agree on a version cannot depend on it, so they know no escapes. @see STOMP 1.2, "Value Encoding" */
export function hasEscapes(command: string, version: StompVersion): boolean {
  return version !== '1.0' && command !== 'CONNECT' && command !== 'CONNECTED' && command !== 'STOMP';
}
