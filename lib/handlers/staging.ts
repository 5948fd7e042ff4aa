import { ACTIONS_MAX } from '../broker/verbs/transact.ts';
import { BrokerError } from '../model/errors.ts';
import { messageBytes } from '../model/message-bytes.ts';
import type { Action } from './actions.ts';

/** What a transaction is to do once it is committed, in its order. */
export type Staged = { readonly actions: Action[]; bytes: number };

const MiB = 1024 * 1024;
/** The most that one connection may have open, and the octets that it, and all, may have in them. */
const OPEN_MAX = 16;
const STAGED_BYTES_MAX = 32 * MiB;
const ALL_BYTES_MAX = 256 * MiB;
/** What an action, and a header of its message, take in memory besides their text. */
const ACTION_BYTES = 512;
const HEADER_BYTES = 64;

/** Transactions that are open, by connection and by the name that the client gave them. They end with the connection. */
export class Staging {
  readonly #open = new Map<string, Map<string, Staged>>();
  /** Octets of all that is open, or being carried out. */
  #bytes = 0;

  /** @throws BrokerError DUPLICATE_TRANSACTION; LIMIT_EXCEEDED */
  begin(connection: string, name: string): void {
    const mine = this.#open.get(connection) ?? new Map<string, Staged>();
    if (mine.has(name)) {
      throw new BrokerError('DUPLICATE_TRANSACTION', `This connection has a transaction "${name}" already.`);
    }
    if (mine.size >= OPEN_MAX) {
      throw new BrokerError('LIMIT_EXCEEDED', `This connection has ${OPEN_MAX} open transactions, which is the most.`);
    }
    this.#open.set(connection, mine.set(ownText(name), { actions: [], bytes: 0 }));
  }

  /** @throws BrokerError UNKNOWN_TRANSACTION; LIMIT_EXCEEDED; OVERLOADED: what was added before stays */
  add(connection: string, name: string, action: Action): void {
    const staged = this.#find(connection, name);
    if (staged.actions.length >= ACTIONS_MAX) {
      throw new BrokerError('LIMIT_EXCEEDED', `A transaction has ${ACTIONS_MAX} actions at most.`);
    }
    const bytes = bytesOf(action);
    if (this.#bytesOf(connection) + bytes > STAGED_BYTES_MAX) {
      const message = `The open transactions of a connection hold ${STAGED_BYTES_MAX} octets at most.`;
      throw new BrokerError('LIMIT_EXCEEDED', message);
    }
    if (this.#bytes + bytes > ALL_BYTES_MAX) {
      throw new BrokerError('OVERLOADED', 'The open transactions of all connections hold too much; try again later.');
    }
    staged.bytes += bytes;
    this.#bytes += bytes;
    staged.actions.push(lasting(action));
  }

  /**
   * Takes a transaction out, and carries it out or undoes it by `end`. It keeps its room until then.
   * @throws BrokerError UNKNOWN_TRANSACTION; what `end` throws
   */
  async take(connection: string, name: string, end: (actions: readonly Action[]) => Promise<void>): Promise<void> {
    const { actions, bytes } = this.#find(connection, name);
    this.#open.get(connection)?.delete(name);
    try {
      await end(actions);
    } finally {
      this.#bytes -= bytes;
    }
  }

  /** What is still open does nothing any more. */
  forget(connection: string): void {
    this.#bytes -= this.#bytesOf(connection);
    this.#open.delete(connection);
  }

  /** @throws BrokerError UNKNOWN_TRANSACTION */
  check(connection: string, name: string): void {
    this.#find(connection, name);
  }

  has(connection: string): boolean {
    return (this.#open.get(connection)?.size ?? 0) > 0;
  }

  #find(connection: string, name: string): Staged {
    const staged = this.#open.get(connection)?.get(name);
    if (staged) return staged;
    throw new BrokerError(
      'UNKNOWN_TRANSACTION',
      `This connection has no transaction "${name.slice(0, 64)}": BEGIN opens one, in the cloud for the WebSocket message in which it comes.`,
    );
  }

  #bytesOf(connection: string): number {
    let bytes = 0;
    for (const staged of this.#open.get(connection)?.values() ?? []) bytes += staged.bytes;
    return bytes;
  }
}

function bytesOf({ send }: Action): number {
  if (!send) return ACTION_BYTES;
  return ACTION_BYTES + HEADER_BYTES * Object.keys(send.message.headers).length + messageBytes(send.message);
}

/** Body and texts of its own: as they come, they are views of what was read from the network, perhaps with much else. */
function lasting(action: Action): Action {
  if (action.settling && 'key' in action.settling) {
    return { ...action, settling: { ...action.settling, key: ownText(action.settling.key) } };
  }
  if (!action.send) return action;
  const { destination, message } = action.send;
  // Without a prototype: a header may be named __proto__.
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(message.headers)) headers[ownText(name)] = ownText(value);
  return {
    send: {
      destination: { ...destination, name: ownText(destination.name) },
      message: { ...message, headers, body: Uint8Array.from(message.body) },
    },
  };
}

/** A part of a longer text keeps all of that in memory. */
function ownText(text: string): string {
  return Buffer.from(text).toString();
}
