import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, numberIn } from '../bodies.ts';
import { History } from '../history.ts';
import { readDuty, stopping } from './duty.ts';
import { post } from './post.ts';

/** Pulls and acknowledges; each pull is a session, since it can be given nothing that was sent before it. */
const PULL = { max: 10, waitSeconds: 1, visibilitySeconds: 5 };
const PAUSE_MS = 20;

type Received = { readonly body: string; readonly token: string; readonly redelivered: boolean };

const duty = readDuty();
using history = new History(duty.history);
for (let turn = 0; !stopping.aborted; turn++) {
  await sleep(PAUSE_MS);
  const session = `${duty.name}-${turn}`;
  const queue = duty.queues[turn % duty.queues.length] ?? '';
  history.note({ kind: 'opened', session });
  const reply = (await post(`${duty.url}/v1/queues/${queue}/receive`, PULL)) as { messages: Received[] } | undefined;
  const received = reply?.messages ?? [];
  for (const { body, redelivered } of received) {
    history.note({ kind: 'got', number: numberIn(body), queue, digest: digestOf(body), redelivered, session });
  }
  if (received.length === 0) continue;
  const tokens = received.map(({ token }) => token);
  if (await post(`${duty.url}/v1/deliveries/acknowledge`, { tokens })) {
    for (const { body } of received) history.note({ kind: 'acked', number: numberIn(body) });
  }
}
