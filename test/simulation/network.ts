import type { Schedule } from './schedule.ts';

/** A client's end of a connection. */
export type Peer = {
  readonly onOctets: (octets: Uint8Array) => void;
  readonly onClosed: () => void;
};

type Line = { readonly peer: Peer; isOpen: boolean; lastAt: number };

/** The connections between clients and the gateway, which outlives every invocation. */
export class Network {
  readonly #schedule: Schedule;
  readonly #lines = new Map<string, Line>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  open(connection: string, peer: Peer): void {
    this.#lines.set(connection, { peer, isOpen: true, lastAt: 0 });
  }

  isOpen(connection: string): boolean {
    return this.#lines.get(connection)?.isOpen ?? false;
  }

  /** Calls back when octets that left now arrive, after what left for the connection before. */
  carry(connection: string, ms: number, arrive: () => void): void {
    const line = this.#lines.get(connection);
    const at = Math.max(this.#schedule.now + ms, line?.lastAt ?? 0);
    if (line) line.lastAt = at;
    this.#schedule.after(at - this.#schedule.now, arrive);
  }

  deliver(connection: string, octets: Uint8Array): 'sent' | 'gone' {
    const line = this.#lines.get(connection);
    if (!line?.isOpen) return 'gone';
    line.peer.onOctets(octets);
    return 'sent';
  }

  /** Ends a connection from either side, or in the middle. */
  close(connection: string): void {
    const line = this.#lines.get(connection);
    if (!line?.isOpen) return;
    line.isOpen = false;
    line.peer.onClosed();
  }

  closeAll(): void {
    for (const connection of this.#lines.keys()) this.close(connection);
  }
}
