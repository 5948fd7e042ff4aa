import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';

/** A process, told apart from every other one that may reach the same data. */
export type ProcessIdentity = {
  /** The running kernel: another one on another machine, and after a reboot. */
  readonly kernel: string;
  /** The PID namespace that `pid` is a number of: each container has one. Empty where the system has none. */
  readonly namespace: string;
  readonly pid: number;
  /** When the process started: tells apart processes that had the same number, one after the other. */
  readonly started: string;
};

/** `unknown`: nothing that can be asked from here tells. */
export type Fate = 'running' | 'ended' | 'unknown';

type ProcessState = { readonly isZombie: boolean; readonly started: string };

/** @see proc_pid_stat(5): the state is field 3, the start time in clock ticks since boot field 22. */
const STATE = 3;
const START_TIME = 22;
/** The name, field 2, is in parentheses and may hold blanks and parentheses itself. */
const FIRST_AFTER_NAME = 3;

export const thisProcess: ProcessIdentity = {
  kernel: kernelId(),
  namespace: attempt(() => readlinkSync('/proc/self/ns/pid')) ?? '',
  pid: process.pid,
  started: stateOf('self')?.started ?? randomUUID(),
};

/** What has become of a process, as far as this one can ask: a number says nothing across PID namespaces. */
export function fateOf(other: ProcessIdentity): Fate {
  if (other.kernel !== thisProcess.kernel || other.namespace !== thisProcess.namespace) return 'unknown';
  if (other.pid === process.pid) return other.started === thisProcess.started ? 'running' : 'ended';
  if (!isThere(other.pid)) return 'ended';
  // A /proc of another namespace is mounted where its number of this process is not the process's own.
  const isOurProc = attempt(() => readlinkSync('/proc/self')) === String(process.pid);
  const state = isOurProc ? stateOf(String(other.pid)) : undefined;
  return state && (state.isZombie || state.started !== other.started) ? 'ended' : 'running';
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Undefined where there is no /proc, or it does not show that process. */
function stateOf(name: string): ProcessState | undefined {
  const line = attempt(() => readFileSync(`/proc/${name}/stat`, 'latin1'));
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
  const started = fields?.[START_TIME - FIRST_AFTER_NAME];
  return started === undefined ? undefined : { isZombie: fields?.[STATE - FIRST_AFTER_NAME] === 'Z', started };
}

/** Without /proc it is the machine's: of no other one are both the name and the network addresses the same. */
function kernelId(): string {
  const bootId = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
  if (bootId) return bootId;
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ mac }) => mac) ?? []);
  const machine = [hostname(), ...new Set(addresses.sort())].join(' ');
  return createHash('sha256').update(machine).digest('base64url').slice(0, 22);
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
