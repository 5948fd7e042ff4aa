import { inspect } from 'node:util';

/** How much of an input is shown with what it did. */
const SHOWN = 400;

/** What was tried, and what went wrong. */
export class Tally {
  readonly inputs = new Map<string, number>();
  readonly crashes: string[] = [];
  readonly hangs: string[] = [];
  /** Replies that no client should see: a stack trace, an unknown shape, an internal error. */
  readonly leaks: string[] = [];

  tried(kind: string, times = 1): void {
    this.inputs.set(kind, (this.inputs.get(kind) ?? 0) + times);
  }

  crashed(kind: string, error: unknown, input: unknown): void {
    this.crashes.push(`${kind}: ${inspect(error)} at ${shown(input)}`);
  }

  hung(kind: string, input: unknown): void {
    this.hangs.push(`${kind}: ${shown(input)}`);
  }

  leaked(kind: string, what: string, input: unknown): void {
    this.leaks.push(`${kind}: ${what} at ${shown(input)}`);
  }

  get isClean(): boolean {
    return this.crashes.length + this.hangs.length + this.leaks.length === 0;
  }

  toString(): string {
    const rows: [string, number][] = [
      ...[...this.inputs].sort(([a], [b]) => a.localeCompare(b)),
      ['crashes', this.crashes.length],
      ['hangs', this.hangs.length],
      ['leaks', this.leaks.length],
    ];
    const width = Math.max(...rows.map(([name]) => name.length));
    const lines = rows.map(([name, count]) => `  ${name.padEnd(width)}  ${String(count).padStart(9)}`);
    return [...lines, ...new Set([...this.crashes, ...this.hangs, ...this.leaks].slice(0, 20))].join('\n');
  }
}

function shown(input: unknown): string {
  const text = Buffer.isBuffer(input) ? input.toString('latin1') : String(input);
  return JSON.stringify(text.slice(0, SHOWN));
}

/** A line of a stack trace, or a path of the sources. */
const trace = /\n\s+at \S+|node:internal|node_modules|\/lib\/\w+\/|\.ts:\d+/;

export function showsTrace(text: string): boolean {
  return trace.test(text);
}

/** Longer than the longest wait that a request may ask for. */
const HANG_MS = 25_000;

/** The value, or undefined if it does not come in time. */
export async function inTime<T>(promise: Promise<T>, ms = HANG_MS): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
