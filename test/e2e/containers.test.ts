import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type BrokerProcess, startBrokerProcess, whyNotContained } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';
import { connect, sendWithReceipt } from '../stomp-clients.ts';

const hindrance = whyNotContained();
const title = hindrance === undefined ? '' : ` (skipped: no PID namespaces here: ${hindrance})`;

function startContained(data: string): BrokerProcess {
  return startBrokerProcess(['--data', data], undefined, { isContained: true });
}

async function sendOne({ ready }: BrokerProcess): Promise<void> {
  const client = await connect((await ready).webSocketUrl);
  await sendWithReceipt(client, '/queue/kept', 'kept');
  await client.client.deactivate();
}

async function depthOn({ ready }: BrokerProcess): Promise<number> {
  const reply = await fetch(`${(await ready).url}/v1/queues/kept`);
  return ((await reply.json()) as { depth: number }).depth;
}

describe.skipIf(hindrance !== undefined)(`brokers in two containers on one folder${title}`, () => {
  it('follow one another when the master is killed, each process 1 of its own', async () => {
    using folder = temporaryFolder();
    const master = startContained(folder.path);
    await sendOne(master);
    const standby = startContained(folder.path);
    await standby.standby;
    await master.end('SIGKILL');
    expect(await depthOn(standby)).toBe(1);
    await standby.end('SIGTERM');
    expect(standby.process.exitCode).toBe(0);
  }, 60_000);

  it('do not follow a master that lives, though its number is nobody there', async () => {
    using folder = temporaryFolder();
    const master = startBrokerProcess(['--data', folder.path]);
    await sendOne(master);
    const standby = startContained(folder.path);
    await standby.standby;
    await master.end('SIGTERM');
    expect(await depthOn(standby)).toBe(1);
    expect(master.errors()).toBe('');
    await standby.end();
  }, 60_000);

  it('say why they wait for a paused one that has their number, and go on when it ends', async () => {
    using folder = temporaryFolder();
    const master = startContained(folder.path);
    await sendOne(master);
    const standby = startContained(folder.path);
    await standby.standby;
    const said = once(standby.process.stderr ?? master.process, 'data');
    master.signal('SIGSTOP');
    await said;
    expect(standby.errors()).toContain('of another container, which has the number of this one');
    await master.end('SIGKILL');
    expect(await depthOn(standby)).toBe(1);
    await standby.end();
  }, 60_000);

  it('let an administrator be made once the one that was killed cannot be alive any more', async () => {
    using folder = temporaryFolder();
    const master = startContained(folder.path);
    await sendOne(master);
    await master.end('SIGKILL');
    const args = ['lib/cli/main.ts', 'users', 'bootstrap', 'admin', '--data', folder.path];
    const bootstrap = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'] });
    bootstrap.stdin.end('a long password\n');
    expect(await once(bootstrap, 'exit')).toEqual([0, null]);
  }, 60_000);
});
