import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fateOf, type ProcessIdentity, thisProcess } from '../../../lib/server/process-identity.ts';

let child: ChildProcess;
let neighbour: ProcessIdentity;

beforeAll(async () => {
  child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  const started = existsSync('/proc/self/stat')
    ? (readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(' ')[21] ?? '')
    : 'unknown';
  neighbour = { ...thisProcess, pid: child.pid ?? 0, started };
});
afterAll(() => {
  child.kill('SIGKILL');
});

describe('the fate of a process', () => {
  it('is known of this very one', () => {
    expect(fateOf(thisProcess)).toBe('running');
    expect(fateOf({ ...thisProcess, started: 'before' })).toBe('ended');
  });

  it('is known of one beside it', () => {
    expect(fateOf(neighbour)).toBe('running');
  });

  it.runIf(existsSync('/proc/self/stat'))('is its end where another process has its number now', () => {
    expect(fateOf({ ...neighbour, started: '1' })).toBe('ended');
  });

  it('is unknown in another PID namespace and under another kernel, whoever has its number here', async () => {
    expect(fateOf({ ...neighbour, namespace: 'pid:[1]' })).toBe('unknown');
    expect(fateOf({ ...neighbour, kernel: 'another' })).toBe('unknown');
    expect(fateOf({ ...thisProcess, namespace: 'pid:[1]' })).toBe('unknown');
  });

  it('is its end once it was killed', async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect(fateOf(neighbour)).toBe('ended');
  });
});
