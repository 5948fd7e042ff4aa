import { type Connected, connect, sendWithReceipt, subscribe } from './stomp-clients.ts';

/** Subscribers to one topic, and what each of them got, in the order of arrival. */
export type Audience = {
  readonly members: readonly Connected[];
  readonly got: readonly (readonly string[])[];
  /** Resolves when every subscriber has got this many messages. */
  readonly all: (count: number) => Promise<void>;
  readonly end: () => Promise<void>;
};

/** Opens as many sockets, each with one subscription that is confirmed. */
export async function gatherAudience(url: string, topic: string, count: number): Promise<Audience> {
  const members = await Promise.all(Array.from({ length: count }, () => connect(url)));
  const got: string[][] = members.map(() => []);
  let total = 0;
  let waiting: { readonly total: number; readonly resolve: () => void } | undefined;
  const take = (mine: string[]) => (message: { readonly body: string }) => {
    mine.push(message.body);
    total += 1;
    if (waiting && total >= waiting.total) waiting.resolve();
  };
  await Promise.all(members.map((member, i) => subscribe(member, topic, take(got[i] as string[]), { ack: 'auto' })));
  return {
    members,
    got,
    all: (each) =>
      new Promise((resolve) => {
        waiting = { total: each * count, resolve };
        if (total >= waiting.total) resolve();
      }),
    end: async () => void (await Promise.all(members.map(({ client }) => client.deactivate()))),
  };
}

/** Publishes with receipts, `window` at a time. */
export async function publish(
  producer: Connected,
  topic: string,
  bodies: readonly string[],
  window = 20,
): Promise<void> {
  const left = bodies.values();
  const lane = async () => {
    for (const body of left) await sendWithReceipt(producer, topic, body);
  };
  await Promise.all(Array.from({ length: window }, lane));
}
