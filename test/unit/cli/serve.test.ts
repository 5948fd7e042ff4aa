import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { binary, openEnv } from '../../../lib/store/lmdb/database.ts';
import { startBrokerProcess } from '../../broker-process.ts';
import { temporaryFolder } from '../../folders.ts';
import { CommandLine } from './command-line.ts';

const line = new CommandLine();
const serve = (...args: string[]) => line.run(['serve', '--port', '0', ...args]);

describe('cirrusmq serve', () => {
  it.skipIf(process.platform !== 'linux').each([
    ['/proc/x', 'The folder /proc/x cannot be made: ENOENT.'],
    ['/proc/x/y', 'The folder /proc/x cannot be made: ENOENT.'],
    ['/etc/passwd', '/etc/passwd is no folder: the data need one.'],
    ['/etc/passwd/x', '/etc/passwd is no folder: the data need one.'],
  ])('ends with a sentence where its data cannot be in %s', async (data, sentence) => {
    expect(await serve('--data', data)).toEqual({ code: 1, out: Buffer.from(''), err: `cirrusmq: ${sentence}\n` });
  });

  it('ends at once where it cannot begin, on a busy machine too', async () => {
    const starts = Array.from({ length: 16 }, () => serve('--data', '/etc/passwd/x'));
    expect((await Promise.all(starts)).map(({ code }) => code)).toEqual(Array(16).fill(1));
  });

  it.each([
    [['--jwt-audience', 'a'], '--jwt-audience is only for --jwt-issuer'],
    [['--jwt-issuer', 'https://issuer.example'], '--jwt-issuer needs --jwt-audience'],
    [['--store', 'dynamodb'], '--store dynamodb needs --table-prefix'],
    [['--table-prefix', 'p'], '--table-prefix is only for --store dynamodb'],
    [['--strict-seed', '3'], '--strict-seed is only for --strict'],
    [['--memory', '--data', 'x'], '--data is only for a broker without --memory'],
    [['--store', 'dynamodb', '--table-prefix', 'p', '--data', 'x'], '--data is only for --store lmdb'],
  ])('ends with 2 for %j, which cannot have been meant', async (args, sentence) => {
    expect(await serve(...args)).toMatchObject({ code: 2, err: `error: ${sentence}\n` });
  });

  it('says in its own words that a password cannot be read', async () => {
    expect(await serve('--memory', '--admin-password-file', '/does/not/exist')).toMatchObject({
      code: 1,
      err: 'cirrusmq: The password cannot be read from /does/not/exist: ENOENT.\n',
    });
  });

  it('names the option of a port that is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    expect(await serve('--memory', '--stomp-port', String(port))).toMatchObject({
      code: 1,
      err: `cirrusmq: The port ${port} (--stomp-port) is taken by another process.\n`,
    });
    taken.close();
  });

  it.each([
    [[], 'It is open: whoever reaches it on this machine may do everything.', "curl -H 'content-type"],
    [['--users'], 'It is closed to all but those with credentials.', "curl -u USER -H 'content-type"],
  ])('greets with who may come, and with what will work: %j', async (args, who, example) => {
    const broker = startBrokerProcess(['--memory', ...args]);
    let greeting = '';
    broker.process.stdout?.on('data', (text) => {
      greeting += text;
    });
    await broker.ready;
    await broker.end();
    expect(greeting).toContain(`${who}\nTry:\n  ${example}`);
  });

  it('keeps what says who is the master for its owner alone', async () => {
    using folder = temporaryFolder();
    const broker = startBrokerProcess(['--data', folder.path]);
    await broker.ready;
    const [claim = ''] = readdirSync(join(folder.path, 'lease'));
    expect(statSync(join(folder.path, 'lease', claim)).mode & 0o777).toBe(0o600);
    await broker.end();
  });

  it('has the id of the master in its file, whichever process ends first', async () => {
    using folder = temporaryFolder();
    const pidFile = join(folder.path, 'pid');
    const args = ['--data', join(folder.path, 'data'), '--pid-file', pidFile];
    const master = startBrokerProcess(args);
    await master.ready;
    const standby = startBrokerProcess(args);
    await standby.standby;
    expect(readFileSync(pidFile, 'utf8')).toBe(`${master.process.pid}\n`);
    await standby.end();
    expect(readFileSync(pidFile, 'utf8')).toBe(`${master.process.pid}\n`);
    const successor = startBrokerProcess(args);
    await successor.standby;
    await master.end();
    await successor.ready;
    expect(readFileSync(pidFile, 'utf8')).toBe(`${successor.process.pid}\n`);
    await successor.end();
    expect(existsSync(pidFile)).toBe(false);
  });

  it.each([
    ['its name and its place', Buffer.of(0x92, 1), { name: 'Error', stack: expect.any(Array) }],
    ['nothing where there is none', Buffer.of(0xc1), undefined],
  ])('writes of the cause of a failure %s', async (_, head, cause) => {
    using folder = temporaryFolder();
    const before = startBrokerProcess(['--data', folder.path]);
    const { url } = await before.ready;
    const headers = { 'content-type': 'text/plain' };
    await fetch(`${url}/v1/queues/orders/messages`, { method: 'POST', headers, body: 'x' });
    await before.end();
    const env = openEnv(join(folder.path, 'store'));
    env.openDB<Buffer, Buffer>({ name: 'heads', ...binary }).putSync(Buffer.from('/queue/orders'), head);
    await env.close();
    const broker = startBrokerProcess(['--data', folder.path]);
    const { url: anew } = await broker.ready;
    expect((await fetch(`${anew}/v1/queues/orders/receive`, { method: 'POST' })).status).toBe(500);
    await broker.end();
    const lines = broker.errors().trim().split('\n');
    const written = lines.find((text) => text.includes(' error request failed ')) ?? '';
    expect(written).toMatch(/ code=CORRUPT message=".*\/queue\/orders/);
    const shown = / cause=(\{.*\})$/.exec(written)?.[1];
    const parsed = shown === undefined ? undefined : JSON.parse(shown);
    expect(parsed).toEqual(cause);
    for (const frame of parsed?.stack ?? []) expect(frame).toMatch(/^\s+at /);
  });
});

describe('cirrusmq users bootstrap', () => {
  it('makes no data where there is no broker', async () => {
    using folder = temporaryFolder();
    const typo = join(folder.path, 'typo');
    const bootstrap = (data: string) => line.run(['users', 'bootstrap', 'root', '--data', data], 'open sesame\n');
    expect(await bootstrap(typo)).toMatchObject({ code: 1, err: expect.stringContaining(`no folder ${typo}`) });
    expect(existsSync(typo)).toBe(false);
    writeFileSync(join(folder.path, 'notes'), 'x');
    expect(await bootstrap(folder.path)).toMatchObject({
      code: 1,
      err: expect.stringContaining('no data folder of a broker'),
    });
    expect(readdirSync(folder.path)).toEqual(['notes']);
  });
});
