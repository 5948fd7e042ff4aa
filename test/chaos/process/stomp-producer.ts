import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, numberedBody } from '../bodies.ts';
import { History } from '../history.ts';
import { readDuty, stopping } from './duty.ts';
import { confirm, keepConnected } from './stomp-session.ts';

/** Each lane sends a message, waits for its receipt and pauses; nothing is ever sent twice. */
const LANES = 8;
const PAUSE_MS = 80;

const duty = readDuty();
using history = new History(duty.history);
let next = duty.first;
const client = keepConnected(duty.url, (_, session) => {
  history.note({ kind: 'opened', session: `${duty.name}-${session}` });
});
await Promise.all(Array.from({ length: LANES }, sendAll));
await client.deactivate({ force: true });

async function sendAll(): Promise<void> {
  while (!stopping.aborted) {
    await sleep(Math.random() * PAUSE_MS);
    await sendOne();
  }
}

async function sendOne(): Promise<void> {
  if (!client.connected) return;
  const number = next;
  next += duty.step;
  const body = numberedBody(number);
  const queue = duty.queues[((number / duty.step) % duty.queues.length) | 0] ?? '';
  history.note({ kind: 'sending', number, queue, digest: digestOf(body) });
  const isConfirmed = await confirm(client, (receipt) => {
    client.publish({ destination: `/queue/${queue}`, body, headers: { receipt } });
  });
  if (isConfirmed) history.note({ kind: 'confirmed', number });
}
