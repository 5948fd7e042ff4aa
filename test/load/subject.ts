import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';

/** A broker under load, in a process of its own on a folder of its own. */
export type Subject = {
  readonly url: string;
  readonly rest: string;
  /** Its resident memory, in MiB. */
  readonly memory: () => number;
  /** What of that is its own, and not the data's file: where the system tells. */
  readonly ownMemory: () => number | undefined;
};

/** Runs something against a fresh broker, which has to be there in the end. */
export async function withBroker(act: (subject: Subject) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  const broker = startBrokerProcess(['--data', folder.path]);
  try {
    const { stompUrl, url } = await broker.ready;
    const pid = broker.process.pid ?? 0;
    await act({ url: stompUrl, rest: url, memory: () => residentMiB(pid), ownMemory: () => anonymousMiB(pid) });
    if (broker.process.exitCode !== null) throw new Error(`The broker ended: ${broker.errors()}`);
  } finally {
    await broker.end();
  }
}

function residentMiB(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  return Math.round(Number(stdout) / 1024);
}

function anonymousMiB(pid: number): number | undefined {
  const path = `/proc/${pid}/status`;
  const kibibytes = existsSync(path) ? /^RssAnon:\s+(\d+)/m.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return kibibytes === undefined ? undefined : Math.round(Number(kibibytes) / 1024);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
