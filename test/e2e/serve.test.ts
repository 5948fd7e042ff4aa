import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'cirrusmq-serve-'));
const running: Server[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Line = Readonly<Record<string, string>>;
type Server = {
  readonly lines: readonly Line[];
  /** Resolves with the first line of an event. */
  readonly event: (name: string) => Promise<Line>;
  /** @returns all that it wrote */
  readonly stop: () => Promise<readonly Line[]>;
};

/** `cirrusmq serve --json`, and what it writes, event by event. */
function serve(...args: readonly string[]): Server {
  const command = ['lib/cli/cirrusmq.ts', 'serve', '--json', '--port', '0', '--stomp-port', '0', ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: Line[] = [];
  let told = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    told.resolve();
    told = Promise.withResolvers();
  });
  const ended = once(child, 'exit');
  const server = {
    lines,
    async event(name: string): Promise<Line> {
      for (;;) {
        const found = lines.find(({ event }) => event === name);
        if (found) return found;
        await told.promise;
      }
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      return lines;
    },
  };
  running.push(server);
  return server;
}

const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

describe('a server', () => {
  it('says when it starts, waits, takes over and stops, a line each', async () => {
    const data = join(folder, 'takeover');
    const first = serve('--data', data);
    expect(await first.event('started')).toMatchObject({ level: 'info', data, url: expect.stringMatching(/^http:/) });
    const second = serve('--data', data);
    await second.event('standby');
    expect((await first.stop()).map(({ event }) => event)).toEqual(['started', 'stopping']);
    await second.event('taken over');
    expect((await second.stop()).map(({ event }) => event)).toEqual(['standby', 'taken over', 'stopping']);
  });

  it('says at the level debug who comes, goes and is refused', async () => {
    const server = serve('--memory', '--users', '--log-level', 'debug');
    const { url, webSocketUrl } = await server.event('started');
    const socket = new WebSocket(`${webSocketUrl}?access_token=a.b.c`);
    await once(socket, 'error');
    await server.event('upgrade refused');
    const other = new WebSocket(webSocketUrl as string);
    await once(other, 'open');
    expect(await server.event('connected')).toMatchObject({ door: 'websocket', from: '127.0.0.1' });
    other.close();
    await server.event('disconnected');
    const authorization = `Basic ${Buffer.from('nobody:wrong password').toString('base64')}`;
    await fetch(`${url}/v1/queues`, { headers: { authorization } });
    expect(await server.event('login refused')).toMatchObject({ by: 'password' });
    expect(JSON.stringify(server.lines)).not.toMatch(/wrong password|a\.b\.c/);
  });

  it.skipIf(address === undefined)(
    'is reached from elsewhere by --host, and is closed then unless it is opened',
    async () => {
      const closed = serve('--memory', '--host', '0.0.0.0');
      const port = new URL((await closed.event('started')).url as string).port;
      expect((await fetch(`http://${address}:${port}/v1/queues`)).status).toBe(401);
      expect((await fetch(`http://${address}:${port}/health`)).status).toBe(200);
      const open = serve('--memory', '--host', '0.0.0.0', '--open');
      const openPort = new URL((await open.event('started')).url as string).port;
      expect((await fetch(`http://${address}:${openPort}/v1/queues`)).status).toBe(200);
    },
  );

  it('ends with npm, which started it', async () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    const child = spawn('npm', ['run', 'start', '--', '--json', '--memory', '--port', '0', '--stomp-port', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(scripts.start).toMatch(/^exec /);
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) if (line.includes('"started"')) break;
    const closed = once(child.stdout, 'close');
    child.kill('SIGTERM');
    await Promise.all([closed, once(child, 'exit')]);
  });
});
