import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../folders.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const serve = ['--memory', '--port', '0', '--stomp-port', '0'];

it.each([
  ['npm start', ['start', '--', ...serve]],
  ['npm run dev', ['run', 'dev', '--', ...serve]],
  ['npm run cirrusmq -- serve', ['run', '-s', 'cirrusmq', '--', 'serve', ...serve]],
])('SIGTERM to "%s" ends the broker', async (_, args) => {
  using folder = temporaryFolder();
  const pidFile = join(folder.path, 'pid');
  const npm = spawn('npm', [...args, '--pid-file', pidFile], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(npm, 'exit');
  for await (const line of createInterface({ input: npm.stdout })) if (line.includes('is ready')) break;
  const broker = Number(readFileSync(pidFile, 'utf8'));
  expect(isAlive(broker)).toBe(true);
  npm.kill('SIGTERM');
  await ended;
  try {
    await expect.poll(() => isAlive(broker), { timeout: 10_000 }).toBe(false);
  } finally {
    if (isAlive(broker)) process.kill(broker, 'SIGKILL');
  }
});
