import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pacedSocket } from '../../../lib/gateway/paced-socket.ts';
import { LocalSockets } from '../../../lib/gateway/sockets.ts';
import { TestTransport } from './transport.ts';

const MiB = 1024 * 1024;
const STALLED_MS = 3000;
const post = Buffer.alloc(64 * 1024, 'x');

let sockets: LocalSockets;
let transport: TestTransport;
beforeEach(() => {
  vi.useFakeTimers();
  sockets = new LocalSockets(STALLED_MS);
  transport = new TestTransport();
  sockets.add('slow', pacedSocket(transport));
});
afterEach(() => void vi.useRealTimers());

/** Posts until the connection holds more than this. */
async function fill(bytes: number): Promise<void> {
  for (let i = 0; i * post.byteLength <= bytes; i++) expect(await sockets.post('slow', post)).toBe('sent');
}

it('a connection that reads nothing is congested, and refuses at once what would grow beyond all bounds', async () => {
  expect(sockets.congestion.now().size).toBe(0);
  await fill(4 * MiB);
  expect([...sockets.congestion.now()]).toEqual(['slow']);
  await fill(4 * MiB - 64 * 1024);
  expect(await sockets.post('slow', post)).toBe('refused');
});

it('what was seen of congestion stays as it was', async () => {
  await fill(4 * MiB);
  const seen = sockets.congestion.now();
  transport.readAll();
  expect(seen.has('slow')).toBe(true);
  expect(sockets.congestion.now().has('slow')).toBe(false);
});

it('who asked is called back once when the connection has drained, however often he asked', async () => {
  await fill(4 * MiB);
  const called: string[] = [];
  for (const asker of ['a', 'b', 'a']) sockets.congestion.onDrained('slow', asker, () => called.push(asker));
  transport.readOne();
  expect(called).toEqual([]);
  transport.readAll();
  expect(called.sort()).toEqual(['a', 'b']);
});

it('who asks for a connection that has room is called back at once', () => {
  let called = 0;
  sockets.congestion.onDrained('slow', 'a', () => called++);
  sockets.congestion.onDrained('unknown', 'a', () => called++);
  expect(called).toBe(2);
});

it('a connection that reads nothing though more waits for it is broken off', async () => {
  await fill(4 * MiB);
  vi.advanceTimersByTime(10 * STALLED_MS);
  expect(transport.isDestroyed).toBe(false);
  sockets.congestion.onDrained('slow', 'a', () => {});
  vi.advanceTimersByTime(STALLED_MS);
  expect(transport.isDestroyed).toBe(true);
  expect(await sockets.post('slow', post)).toBe('gone');
});

it('one that refuses is broken off as well', async () => {
  await fill(8 * MiB);
  expect(await sockets.post('slow', post)).toBe('refused');
  vi.advanceTimersByTime(STALLED_MS);
  expect(transport.isDestroyed).toBe(true);
});

it('one that reads slowly stays', async () => {
  await fill(4 * MiB);
  sockets.congestion.onDrained('slow', 'a', () => {});
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(STALLED_MS - 1);
    transport.readOne();
  }
  expect(transport.isDestroyed).toBe(false);
});

it('one that has drained is not broken off for what it held up before', async () => {
  await fill(4 * MiB);
  sockets.congestion.onDrained('slow', 'a', () => {});
  transport.readAll();
  vi.advanceTimersByTime(2 * STALLED_MS);
  expect(transport.isDestroyed).toBe(false);
});
