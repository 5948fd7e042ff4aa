import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, numberedBody } from '../bodies.ts';
import { History } from '../history.ts';
import { readDuty, stopping } from './duty.ts';
import { post } from './post.ts';

/** Sends batches; what is not confirmed is never sent again. */
const BATCH = 10;
const PAUSE_MS = 100;

const duty = readDuty();
using history = new History(duty.history);
let next = duty.first;
for (let turn = 0; !stopping.aborted; turn++) {
  await sleep(PAUSE_MS);
  const queue = duty.queues[turn % duty.queues.length] ?? '';
  const numbers = Array.from({ length: BATCH }, (_, i) => next + i * duty.step);
  next += BATCH * duty.step;
  const bodies = numbers.map(numberedBody);
  for (const [i, number] of numbers.entries()) {
    history.note({ kind: 'sending', number, queue, digest: digestOf(bodies[i] ?? '') });
  }
  const reply = await post(`${duty.url}/v1/queues/${queue}/messages`, { messages: bodies.map((body) => ({ body })) });
  if (reply !== undefined) for (const number of numbers) history.note({ kind: 'confirmed', number });
}
