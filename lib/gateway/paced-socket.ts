import type { Socket } from './sockets.ts';

/** The near side of a connection's transport. */
export type Transport = {
  /** Writes octets, whole frames only, and calls back once the system has them. False if it is closing and takes nothing more. */
  readonly write: (octets: Uint8Array, taken: () => void) => boolean;
  /** See `Push.endsLines`. Default: false. */
  readonly endsLines?: boolean;
  /** Octets that were written, and that the system has not taken yet. */
  readonly bufferedBytes: () => number;
  /** Closes after what was written. */
  readonly close: () => void;
  /** Breaks the connection off. */
  readonly destroy: () => void;
};

/** As much is written ahead of the system. */
const WRITTEN_BYTES = 64 * 1024;

/**
 * A socket that writes to its transport piece by piece. Node hands all that was written to the system at once, and
 * tells when the last octet of it has been taken: of a peer that reads slowly nothing would be seen for megabytes.
 */
export function pacedSocket(transport: Transport): Socket {
  let queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let isClosing = false;
  let tell = () => {};

  const drop = () => {
    queue = [];
    queuedBytes = 0;
  };
  const write = (octets: Uint8Array) => transport.write(octets, taken);
  const taken = () => {
    while (queue.length > 0 && transport.bufferedBytes() <= WRITTEN_BYTES) {
      const octets = queue.shift() as Uint8Array;
      queuedBytes -= octets.byteLength;
      if (!write(octets)) drop();
    }
    if (isClosing && queue.length === 0) transport.close();
    tell();
  };

  return {
    endsLines: transport.endsLines ?? false,
    send(octets) {
      if (isClosing) return false;
      if (queue.length === 0 && transport.bufferedBytes() <= WRITTEN_BYTES) return write(octets);
      queue.push(octets);
      queuedBytes += octets.byteLength;
      return true;
    },
    bufferedBytes: () => queuedBytes + transport.bufferedBytes(),
    onTaken(then) {
      tell = then;
    },
    close() {
      isClosing = true;
      if (queue.length === 0) transport.close();
    },
    destroy() {
      isClosing = true;
      drop();
      transport.destroy();
    },
  };
}
