import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A broker in a process of its own, as `cirrusmq serve` runs it. */
export type BrokerProcess = {
  readonly process: ChildProcess;
  /** Resolves with its URLs once it is ready; rejects if it ends before. */
  readonly ready: Promise<Urls>;
  /** Resolves once it says that it waits as the standby. */
  readonly standby: Promise<void>;
  /** What it wrote to its error output. */
  readonly errors: () => string;
  /** Sends a signal to the broker itself. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Sends a signal and waits for the end. */
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
};

type Urls = { readonly url: string; readonly webSocketUrl: string; readonly stompUrl: string };

type Surroundings = {
  /** Told each time that it has become the master. */
  readonly onMaster?: (urls: Urls) => void;
  /** The largest file that it can write: beyond, a write fails as on a full disk. */
  readonly fileKibibytes?: number | undefined;
  /** In a PID namespace of its own, as in a container: it is process 1 there. */
  readonly isContained?: boolean | undefined;
};

/** Starts `cirrusmq serve` with these arguments, on free ports unless they say otherwise. */
export function startBrokerProcess(
  args: readonly string[],
  ports: readonly string[] = freePorts,
  { onMaster, fileKibibytes, isContained = false }: Surroundings = {},
): BrokerProcess {
  // The server process itself, not a package manager around it: a signal must reach the broker.
  const command = [process.execPath, 'lib/cli/main.ts', 'serve', ...ports, ...args] as const;
  const confine = `trap '' XFSZ; ulimit -f ${fileKibibytes}; exec "$@"`;
  const confined = fileKibibytes === undefined ? command : ['bash', '-c', confine, 'confined', ...command];
  const [file, ...rest] = isContained ? [...NEW_NAMESPACE, ...confined] : confined;
  const child = spawn(file as string, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  const signal = (name: NodeJS.Signals) => {
    const inside = isContained ? insideOf(child) : undefined;
    if (inside === undefined) child.kill(name);
    else process.kill(inside, name);
  };
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'exit');
  const standby = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<Urls>();
  const urls: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('as the standby')) standby.resolve();
    const url = /^ {2}(?:REST|STOMP, \w+) +(\S+)$/.exec(line)?.[1];
    if (url) urls.push(url);
    if (line !== 'Try:') return;
    const [rest = '', webSocketUrl = '', stompUrl = ''] = urls.splice(0);
    ready.resolve({ url: rest, webSocketUrl, stompUrl });
    onMaster?.({ url: rest, webSocketUrl, stompUrl });
  });
  void ended.then(() => ready.reject(new Error(`The broker ended before it was ready: ${errors}`)));
  ready.promise.catch(() => {});
  return {
    process: child,
    ready: ready.promise,
    standby: standby.promise,
    errors: () => errors,
    signal,
    async end(name = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      signal(name);
      await ended;
    },
  };
}

/** @see unshare(1): the broker ends with it, and finds its own /proc. */
const NEW_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** Why no process can be given a PID namespace of its own here; undefined if it can. */
export function whyNotContained(): string | undefined {
  const [file = '', ...args] = [...NEW_NAMESPACE, 'true'];
  const { error, status, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (error) return error.message;
  return status === 0 ? undefined : stderr.trim();
}

/**
 * The number here of the one process inside: unshare(1) itself takes no signals while it waits for that. Undefined
 * before it has begun, and after its end.
 */
function insideOf({ pid }: ChildProcess): number | undefined {
  const children = `/proc/${pid}/task/${pid}/children`;
  const [inside] = existsSync(children) ? readFileSync(children, 'latin1').split(' ') : [];
  return inside ? Number(inside) : undefined;
}

const freePorts = ['--port', '0', '--stomp-port', '0'];
