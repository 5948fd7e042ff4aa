/** What a client process is told to do. */
export type Duty = {
  /** Its name in the history. */
  readonly name: string;
  /** Through the proxy: tcp://, ws:// or http://. */
  readonly url: string;
  readonly history: string;
  readonly queues: readonly string[];
  /** A producer's numbers: from `first`, every `step`-th. */
  readonly first: number;
  readonly step: number;
  readonly ack: 'client' | 'client-individual';
};

/** How long a client waits for an answer before it breaks the connection off. */
export const PATIENCE_MS = 3_000;

export function readDuty(): Duty {
  return JSON.parse(process.argv[2] ?? '{}') as Duty;
}

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
// It does not outlive who started it.
process.stdin.once('end', () => stop.abort()).resume();
process.stdin.unref();

/** Aborted when the process is asked to end. */
export const stopping = stop.signal;
