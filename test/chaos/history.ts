import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** One moment in the life of a message or of a client. `number` names the message all over the run. */
export type Moment =
  /** A session of a client begins: what arrives on it was sent to it after this. */
  | { readonly kind: 'opened'; readonly session: string }
  | { readonly kind: 'sending'; readonly number: number; readonly queue: string; readonly digest: string }
  /** The receipt, or the reply, is here: the message is durable. */
  | { readonly kind: 'confirmed'; readonly number: number }
  | {
      readonly kind: 'got';
      readonly number: number;
      readonly queue: string;
      readonly digest: string;
      readonly redelivered: boolean;
      readonly session: string;
    }
  /** The acknowledgement of it is confirmed. */
  | { readonly kind: 'acked'; readonly number: number }
  /** Its consumer wants it to come again, now or later, or to be a dead letter. */
  | { readonly kind: 'rejecting'; readonly number: number }
  /** What was done to the brokers, the clients or the network. */
  | { readonly kind: 'fault'; readonly what: string }
  /** A broker is the master from here on. */
  | { readonly kind: 'master'; readonly broker: string };

/** A moment with its time, in milliseconds of a clock that all processes of the machine share. */
export type Event = Moment & { readonly at: number };

/** Milliseconds of the machine's monotonic clock, the same in all its processes. */
function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Writes down what happens, line by line, at once: a process that is killed leaves what it had seen. */
export class History implements Disposable {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  note(moment: Moment): void {
    writeSync(this.#file, `${JSON.stringify({ at: machineTime(), ...moment })}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** The events of several histories in the order of their times. A line that a kill cut short is passed over. */
export function readHistories(paths: readonly string[]): Event[] {
  return paths.flatMap(readHistory).sort((a, b) => a.at - b.at);
}

function readHistory(path: string): Event[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  // What comes after the last line end is nothing, or what was being written when the process was killed.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Event);
}
