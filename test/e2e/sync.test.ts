import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';
import { connect, sendWithReceipt } from '../stomp-clients.ts';

const canTrace = process.platform === 'linux' && spawnSync('strace', ['-V']).status === 0;

describe.skipIf(!canTrace)('a trace of system calls (needs strace)', () => {
  it('shows the message written and synced before its receipt is', async () => {
    using folder = temporaryFolder();
    const broker = startBrokerProcess(['--data', folder.path]);
    const client = await connect((await broker.ready).stompUrl);
    const trace = join(folder.path, 'trace');
    const calls = 'trace=read,pwrite64,pwritev,write,writev,fsync,fdatasync,msync';
    const tracer = spawn('strace', ['-f', '-e', calls, '-s', '4096', '-o', trace, '-p', String(broker.process.pid)]);
    // It says on its error output that it is attached.
    await once(tracer.stderr, 'data');
    await sendWithReceipt(client, '/queue/traced', 'a body that the trace finds');
    await client.client.deactivate();
    await broker.end();
    await once(tracer, 'exit');
    const lines = readFileSync(trace, 'utf8').split('\n');
    const after = (from: number, pattern: RegExp) => lines.findIndex((line, at) => at > from && pattern.test(line));
    const arrived = after(-1, /read.*SEND.*a body that the trace finds/);
    const written = after(arrived, /write.*a body that the trace finds/);
    const synced = after(written, /(fsync|fdatasync|msync).*= 0/);
    const confirmed = after(arrived, /write.*RECEIPT/);
    expect(arrived).toBeGreaterThan(-1);
    expect(written).toBeGreaterThan(arrived);
    expect(synced).toBeGreaterThan(written);
    expect(confirmed).toBeGreaterThan(synced);
  });
});
