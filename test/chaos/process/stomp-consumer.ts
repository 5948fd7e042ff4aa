import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, IMessage, StompHeaders } from '@stomp/stompjs';
import { digestOf, numberIn } from '../bodies.ts';
import { History } from '../history.ts';
import { PATIENCE_MS, readDuty, stopping } from './duty.ts';
import { confirm, keepConnected } from './stomp-session.ts';

/** A cumulative consumer acknowledges every so many messages. */
const CUMULATIVE = 5;
/** What is done with a message takes a while: at any fault, some are in flight. */
const WORK_MS = 60;
/** The share of messages that it rejects, that of them which it wants no more, and how long the others are to wait. */
const REJECTED = 0.1;
const REFUSED = 0.2;
const DELAY_MS = 2000;

const duty = readDuty();
using history = new History(duty.history);
let lastHeard = performance.now();
const client = keepConnected(duty.url, begin);
// Without heart-beats silence is all that tells of a broker that is stopped, or of a line that is stalled.
const watch = setInterval(() => {
  if (client.connected && performance.now() - lastHeard > PATIENCE_MS) client.forceDisconnect();
}, PATIENCE_MS);
await new Promise((resolve) => stopping.addEventListener('abort', resolve));
clearInterval(watch);
await client.deactivate({ force: true });

function begin(connected: Client, number: number): void {
  const session = `${duty.name}-${number}`;
  history.note({ kind: 'opened', session });
  lastHeard = performance.now();
  for (const queue of duty.queues) {
    const since: number[] = [];
    const take = (message: IMessage) => {
      lastHeard = performance.now();
      const got = numberIn(message.body);
      const redelivered = message.headers.redelivered === 'true';
      history.note({ kind: 'got', number: got, queue, digest: digestOf(message.body), redelivered, session });
      since.push(got);
      if (duty.ack === 'client' && since.length < CUMULATIVE && !redelivered) return;
      void settle(connected, message, since.splice(0));
    };
    const headers = { ack: duty.ack, 'prefetch-count': '50' } satisfies StompHeaders;
    connected.subscribe(`/queue/${queue}`, take, headers);
  }
}

async function settle(connected: Client, message: IMessage, numbers: readonly number[]): Promise<void> {
  if (duty.ack === 'client-individual') await sleep(Math.random() * WORK_MS);
  if (!connected.connected) return;
  const [number] = numbers;
  if (duty.ack === 'client-individual' && number !== undefined && Math.random() < REJECTED) {
    history.note({ kind: 'rejecting', number });
    await confirm(connected, (receipt) => message.nack({ receipt, ...wish() }));
    return;
  }
  if (await confirm(connected, (receipt) => message.ack({ receipt }))) {
    for (const number of numbers) history.note({ kind: 'acked', number });
  }
}

/** What it wants to become of what it rejects. */
function wish(): StompHeaders {
  if (Math.random() < REFUSED) return { requeue: 'false' };
  return { delay: String(Math.floor(Math.random() * DELAY_MS)) };
}
