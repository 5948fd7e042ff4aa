import type { IMessage } from '@stomp/stompjs';
import { Ledger } from './ledger.ts';
import { type Connected, connect, sendWithReceipt, subscribe } from './stomp-clients.ts';
import { bodyOf, indexOf } from './texts.ts';

export type Traffic = {
  readonly url: string;
  readonly queue: string;
  readonly messages: number;
  readonly producers: number;
  readonly consumers: number;
  /** Receipts that a producer waits for at a time. */
  readonly window?: number;
  readonly prefetch?: number;
};

/**
 * Sends messages with receipts and acknowledges each; resolves when all are through, with the ledger and the rate.
 * Consumers leave once their acknowledgements are confirmed: where order is not kept, a DISCONNECT may overtake an ACK.
 */
export async function runTraffic(traffic: Traffic): Promise<{ ledger: Ledger; perSecond: number }> {
  const { url, queue, messages, prefetch = 100 } = traffic;
  const ledger = new Ledger();
  const consumers = await connectMany(url, traffic.consumers);
  const producers = await connectMany(url, traffic.producers);
  await Promise.all(consumers.map((consumer) => consume(consumer, queue, ledger, prefetch)));
  const begun = performance.now();
  let next = 0;
  await Promise.all(
    producers.map((producer) =>
      produce(producer, queue, ledger, () => (next < messages ? next++ : undefined), traffic),
    ),
  );
  await ledger.until(() => ledger.distinct === messages);
  const perSecond = Math.round(messages / ((performance.now() - begun) / 1000));
  await ledger.until(() => ledger.acknowledgedCount === messages);
  await Promise.all([...producers, ...consumers].map(({ client }) => client.deactivate()));
  return { ledger, perSecond };
}

function connectMany(url: string, count: number): Promise<Connected[]> {
  return Promise.all(Array.from({ length: count }, () => connect(url)));
}

/** Acknowledges each message by itself, and asks for a receipt. */
export function consume(consumer: Connected, queue: string, ledger: Ledger, prefetch: number): Promise<void> {
  const take = (message: IMessage) => {
    const index = indexOf(message.body);
    ledger.got(index, message.body, message.headers.redelivered === 'true');
    // A delivery's token is its own, hence so is the name of its receipt.
    const receipt = `ack ${message.headers.ack}`;
    consumer.client.watchForReceipt(receipt, () => ledger.acknowledged(index));
    message.ack({ receipt });
  };
  return subscribe(consumer, queue, take, { 'activemq.prefetchSize': String(prefetch) });
}

/** Keeps `window` receipts outstanding until `take` gives no more. */
export async function produce(
  producer: Connected,
  queue: string,
  ledger: Ledger,
  take: () => number | undefined,
  { window = 50 }: { readonly window?: number },
): Promise<void> {
  const lane = async () => {
    for (let index = take(); index !== undefined; index = take()) {
      const body = bodyOf(index);
      ledger.sending(index, body);
      await sendWithReceipt(producer, queue, body);
      ledger.confirmed(index);
    }
  };
  await Promise.all(Array.from({ length: window }, lane));
}
