import { vi } from 'vitest';

/** A line that a function wrote, read as JSON. */
export type Line = Readonly<Record<string, unknown>>;

/** Metrics of one owner, at the end of an invocation. @see CloudWatch embedded metric format */
export type Embedded = Line & {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
};

/** Keeps all that is written to stdout and stderr while `work` runs. */
export async function writtenBy(work: () => Promise<void>): Promise<string[]> {
  const written: string[] = [];
  const keep = (chunk: unknown) => {
    written.push(String(chunk));
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(keep));
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return written.join('').split('\n').filter(Boolean);
}

export function logsIn(lines: readonly string[]): Line[] {
  return lines.map((line) => JSON.parse(line) as Line).filter((line) => !('_aws' in line));
}

export function metricsIn(lines: readonly string[]): Embedded[] {
  return lines.map((line) => JSON.parse(line) as Embedded).filter((line) => '_aws' in line);
}
