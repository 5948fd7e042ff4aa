import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type Running = { readonly child: ChildProcess; readonly lines: Interface; exited(): Promise<number | null> };

/** Starts one of the scripts beside this file in a process of its own. */
export function startScript(name: string, args: readonly string[]): Running {
  return watch(spawn(process.execPath, [scriptPath(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** The same, in a process that can write no file beyond `kibibytes`: a write fails as on a full disk. */
export function startConfined(kibibytes: number, name: string, args: readonly string[]): Running {
  const script = `trap '' XFSZ; ulimit -f ${kibibytes}; exec "$@"`;
  const command = ['-c', script, 'confined', process.execPath, scriptPath(name), ...args];
  return watch(spawn('bash', command, { stdio: ['ignore', 'pipe', 'ignore'] }));
}

/** Everything that a script prints until it ends, by lines. */
export async function printed(running: Running): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of running.lines) lines.push(line);
  return lines;
}

function watch(child: ChildProcess): Running {
  if (!child.stdout) throw new Error('The process has no output.');
  const exit = once(child, 'exit');
  const exited = async () => {
    const [code]: unknown[] = await exit;
    return typeof code === 'number' ? code : null;
  };
  return { child, lines: createInterface(child.stdout), exited };
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(`${name}.ts`, import.meta.url));
}
