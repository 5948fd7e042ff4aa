import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../free-port.ts';

/** An account that is on this machine alone. */
export type Emulator = { readonly endpoint: string; readonly stop: () => Promise<void> };

const cache = resolve('node_modules/.cache/ministack');
const python = join(cache, 'venv', 'bin', 'python');
const requirements = resolve('test/cloud/requirements.txt');
const INSTALL_MS = 240_000;
const READY_MS = 60_000;
const POLL_MS = 100;
const STOP_MS = 5_000;

/**
 * Starts MiniStack, or takes what answers at `AWS_ENDPOINT_URL`.
 * @returns undefined where Python or its packages are out of reach
 * @throws Error there too if `CI` is true: a check that did not run is not passed
 */
export async function startEmulator(): Promise<Emulator | undefined> {
  const given = process.env.AWS_ENDPOINT_URL;
  if (given) return { endpoint: given, stop: async () => {} };
  const failure = install();
  if (failure === undefined) return await start();
  if (process.env.CI === 'true') throw new Error(`The emulator cannot be installed: ${failure}`);
  process.stderr.write(`SKIPPED: the emulator cannot be installed: ${failure}\n`);
  return undefined;
}

/** Installs what is pinned, once for each version of the list. @returns why it cannot be */
function install(): string | undefined {
  const version = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const stamp = join(cache, version);
  if (existsSync(stamp)) return undefined;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const steps: readonly [string, ...string[]][] = [
    ['python3', '-m', 'venv', join(cache, 'venv')],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements],
  ];
  for (const [file, ...args] of steps) {
    const { status, stderr, error } = spawnSync(file, args, { timeout: INSTALL_MS, encoding: 'utf8' });
    if (status !== 0) return error?.message ?? stderr.trim();
  }
  writeFileSync(stamp, '');
  return undefined;
}

async function start(): Promise<Emulator> {
  const port = await freePort();
  const folder = join(cache, 'run');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const log = openSync(join(folder, 'log'), 'w');
  // A process group: its functions are processes of its own.
  const child = spawn(python, ['-m', 'ministack'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', log, log],
    env: environment(port, folder),
  });
  const exited = once(child, 'exit');
  const kill = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // It is gone.
    }
  };
  const killNow = () => kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async () => {
    kill('SIGTERM');
    await Promise.race([exited, sleep(STOP_MS, undefined, { ref: false })]);
    killNow();
    await exited;
    process.off('exit', killNow);
  };
  const endpoint = `http://127.0.0.1:${port}`;
  const giveUpAt = performance.now() + READY_MS;
  while (!(await isReady(endpoint))) {
    if (child.exitCode !== null || performance.now() > giveUpAt) {
      await stop();
      throw new Error(`The emulator is not ready: ${readFileSync(join(folder, 'log'), 'utf8').slice(-2000)}`);
    }
    await sleep(POLL_MS);
  }
  return { endpoint, stop };
}

/** Its functions run on the Node that runs this; and what their roles do not allow is refused, as in an account. */
function environment(port: number, folder: string): NodeJS.ProcessEnv {
  return {
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: folder,
    TMPDIR: join(folder, 'tmp'),
    GATEWAY_PORT: String(port),
    BIND_HOST: '127.0.0.1',
    LAMBDA_EXECUTOR: 'local',
    AUTH: 'true',
    SFTP_ENABLED: '0',
    IOT_MTLS_ENABLED: '0',
  };
}

async function isReady(endpoint: string): Promise<boolean> {
  const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
  return answer?.ok ?? false;
}
