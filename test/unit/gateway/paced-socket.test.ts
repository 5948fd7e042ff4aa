import { expect, it } from 'vitest';
import { pacedSocket } from '../../../lib/gateway/paced-socket.ts';
import { TestTransport } from './transport.ts';

const KiB = 1024;
const post = (name: number, bytes: number) => Buffer.from(String(name).padEnd(bytes));

it('what waits is written piece by piece, in order, and counts as buffered', () => {
  const transport = new TestTransport();
  const socket = pacedSocket(transport);
  for (let i = 0; i < 100; i++) expect(socket.send(post(i, 32 * KiB))).toBe(true);
  expect(socket.bufferedBytes()).toBe(100 * 32 * KiB);
  expect(transport.mostBytes).toBeLessThanOrEqual(96 * KiB);
  transport.readAll();
  expect(transport.mostBytes).toBeLessThanOrEqual(96 * KiB);
  expect(transport.read).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  expect(socket.bufferedBytes()).toBe(0);
});

it('each time that the peer reads, it is told', () => {
  const transport = new TestTransport();
  const socket = pacedSocket(transport);
  let told = 0;
  socket.onTaken(() => told++);
  for (let i = 0; i < 10; i++) socket.send(post(i, 64 * KiB));
  transport.readAll();
  expect(told).toBe(10);
});

it('closes after what was sent, and takes nothing more', () => {
  const transport = new TestTransport();
  const socket = pacedSocket(transport);
  for (let i = 0; i < 10; i++) socket.send(post(i, 64 * KiB));
  socket.close();
  expect(socket.send(post(10, 1))).toBe(false);
  expect(transport.isClosed).toBe(false);
  transport.readAll();
  expect(transport.read).toHaveLength(10);
  expect(transport.isClosed).toBe(true);
});

it('holds nothing for a peer that is gone', () => {
  const transport = new TestTransport();
  const socket = pacedSocket(transport);
  for (let i = 0; i < 10; i++) socket.send(post(i, 64 * KiB));
  transport.close();
  transport.readOne();
  transport.readAll();
  expect(socket.bufferedBytes()).toBe(0);
  expect(socket.send(post(10, 1))).toBe(false);
});
