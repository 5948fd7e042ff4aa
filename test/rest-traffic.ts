import { Ledger } from './ledger.ts';
import { bodyOf, indexOf } from './texts.ts';

const BATCH = 10;

type Received = { readonly body: string; readonly token: string; readonly redelivered: boolean };

/** Sends in batches of ten and receives up to as many; each batch that was received is acknowledged in one request. */
export async function runRestTraffic(traffic: {
  readonly url: string;
  readonly queue: string;
  readonly messages: number;
  readonly producers: number;
  readonly consumers: number;
}): Promise<{ ledger: Ledger; perSecond: number }> {
  const { url, queue, messages } = traffic;
  const ledger = new Ledger();
  const begun = performance.now();
  let next = 0;
  const produce = async () => {
    while (next < messages) {
      const indexes = Array.from({ length: Math.min(BATCH, messages - next) }, () => next++);
      const bodies = indexes.map((index) => bodyOf(index));
      for (const [i, index] of indexes.entries()) ledger.sending(index, bodies[i] as string);
      await post(`${url}/v1/queues/${queue}/messages`, { messages: bodies.map((body) => ({ body })) });
      for (const index of indexes) ledger.confirmed(index);
    }
  };
  const consume = async () => {
    while (ledger.distinct < messages) {
      const reply = await post(`${url}/v1/queues/${queue}/receive`, { max: BATCH, waitSeconds: 1 });
      const received = (reply as { messages: Received[] }).messages;
      for (const { body, redelivered } of received) ledger.got(indexOf(body), body, redelivered);
      if (received.length === 0) continue;
      await post(`${url}/v1/deliveries/acknowledge`, { tokens: received.map(({ token }) => token) });
    }
  };
  await Promise.all([
    ...Array.from({ length: traffic.producers }, produce),
    ...Array.from({ length: traffic.consumers }, consume),
  ]);
  return { ledger, perSecond: Math.round(messages / ((performance.now() - begun) / 1000)) };
}

async function post(url: string, body: unknown): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const reply = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(reply)}`);
  return reply;
}
