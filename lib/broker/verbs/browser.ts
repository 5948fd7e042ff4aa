import type { Destination } from '../../model/destination.ts';
import { asBrokerError, BrokerError } from '../../model/errors.ts';
import type { Delivery } from '../../model/message.ts';
import { messageBytes } from '../../model/message-bytes.ts';
import { ownBodies } from '../bodies/own-bodies.ts';
import type { Broker } from '../broker.ts';
import { readConnection } from '../sessions/connections.ts';
import { shardAt, viewHead } from '../shards.ts';
import { type Browsed, type BrowsePage, browse } from './browse.ts';

/** A subscription that shows a queue and takes nothing from it. */
export type Browser = {
  /** Its id: fresh for each subscription, never used again. Its connection's record names it until it is to end. */
  readonly consumer: string;
  readonly destination: Destination;
  readonly connection: string;
  /** What the outlet needs to address messages to the subscription. */
  readonly subscription: string;
};

const MiB = 1024 * 1024;
/** How many octets of a queue are read at a time, but for what a batch has more: one message may be larger. */
const PAGE_BYTES = MiB;
/** What a MESSAGE frame has besides what its sender gave, about. */
const FRAME_BYTES = 512;
/** How long a connection may put off one post. */
const PATIENCE_MS = 30_000;
/** Behind API Gateway an invocation lasts no longer than 29 s. */
const CLOUD_MS = 20_000;
const LOOK_AGAIN_MS = 20;

/** What is shown has no delivery that could be ended: its token says so, and is none that a shard gives out. */
const prefix = 'browsed.';

export function isOfBrowser(token: string): boolean {
  return token.startsWith(prefix);
}

/** Shows a queue to its end. What fails ends the connection, whose client would wait for ever. */
export async function runBrowser(broker: Broker, browser: Browser): Promise<void> {
  try {
    await show(broker, browser);
  } catch (cause) {
    const error = asBrokerError(cause);
    await broker.outlet.refuse(browser.connection, browser.subscription, error);
    throw error;
  }
}

/**
 * Gives a connection the messages that its queue holds now and that are not consumed, those in flight included, in their
 * order, and at the end an empty one whose header `browser` is `end`. A queue that is not there is an empty one. Ends
 * early with the subscription, its connection or this process; a connection that is too slow is closed.
 * @see JMS 3.1 §4.7 QueueBrowser; ActiveMQ: STOMP, `browser`
 */
async function show(broker: Broker, browser: Browser): Promise<void> {
  const { clock, limits } = broker;
  const giveUpAt = limits.profile === 'cloud' ? clock.now() + CLOUD_MS : Number.POSITIVE_INFINITY;
  const last = await lastOf(broker, browser);
  for (let after: number | undefined = 0; after !== undefined; ) {
    const from: number = after;
    after = await broker.browsing.inTurn(browser.connection, () => showPage(broker, browser, { from, last, giveUpAt }));
    // Others have their turn, and this one the time to read.
    await clock.sleep(0);
  }
}

type Place = {
  readonly from: number;
  /** The last message that is shown. */
  readonly last: number;
  readonly giveUpAt: number;
};

/** @returns where to go on; undefined if that was all, or there is nobody any more to whom to show more */
async function showPage(
  broker: Broker,
  browser: Browser,
  { from, last, giveUpAt }: Place,
): Promise<number | undefined> {
  const { clock, limits } = broker;
  await untilDrained(broker, browser);
  if (!(await isWanted(broker, browser))) return undefined;
  const page = await pageOf(broker, browser, from);
  const next = page.next !== undefined && page.next < last ? page.next : undefined;
  const shown = page.messages.filter(({ sequence }) => sequence <= last).map((one) => deliveryOf(browser, one));
  if (next === undefined) shown.push(endOf(browser, clock.date()));
  for (const post of intoPosts(shown, limits.postBytes)) {
    if (!(await isWanted(broker, browser))) return undefined;
    const patienceMs = Math.max(0, Math.min(PATIENCE_MS, giveUpAt - clock.now()));
    if (!(await broker.outlet.feed(browser.connection, browser.subscription, post, patienceMs))) return undefined;
  }
  return next;
}

/** The last message that there is when a browser begins: who sends faster than it reads does not keep it for ever. */
async function lastOf(broker: Broker, { destination }: Browser): Promise<number> {
  const head = await broker.store.readHead(shardAt(destination));
  return head ? viewHead(broker, head).draft.next - 1 : 0;
}

async function pageOf(broker: Broker, { destination }: Browser, after: number): Promise<BrowsePage> {
  const { browseCount, batchBytes } = broker.limits;
  const limits = { ...broker.limits, batchBytes: Math.min(batchBytes, PAGE_BYTES) };
  try {
    return withOwnBodies(await browse({ ...broker, limits }, destination.name, after, browseCount));
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'NOT_FOUND') return { messages: [], next: undefined };
    throw error;
  }
}

/** What waits for its connection keeps no batch of which it shows a part. */
function withOwnBodies({ messages, next }: BrowsePage): BrowsePage {
  const { bodies } = ownBodies(messages.map(({ message }) => message));
  const own = messages.map((one, at) => ({
    ...one,
    message: { ...one.message, body: bodies[at] ?? one.message.body },
  }));
  return { messages: own, next };
}

async function isWanted(broker: Broker, { consumer, connection }: Browser): Promise<boolean> {
  if (broker.lines.isEnded) return false;
  const record = await readConnection(broker, connection);
  return record?.subscriptions.some((other) => other.consumer === consumer) ?? false;
}

/** What its connection has not read holds up its other subscriptions. */
async function untilDrained({ clock, lines, outlet }: Broker, { consumer, connection }: Browser): Promise<void> {
  const { congestion } = outlet;
  if (!congestion?.now().has(connection)) return;
  let isDrained = false;
  congestion.onDrained(connection, consumer, () => {
    isDrained = true;
  });
  while (!isDrained && !lines.isEnded && (await outlet.isOpen(connection))) await clock.sleep(LOOK_AGAIN_MS);
}

/** As many as one post may hold, so that none follows an UNSUBSCRIBE that is confirmed. */
function intoPosts(deliveries: readonly Delivery[], postBytes: number): Delivery[][] {
  const posts: Delivery[][] = [];
  let size = 0;
  for (const delivery of deliveries) {
    const bytes = messageBytes(delivery.message) + FRAME_BYTES;
    const post = posts.at(-1);
    if (post && size + bytes <= postBytes) {
      post.push(delivery);
      size += bytes;
    } else {
      posts.push([delivery]);
      size = bytes;
    }
  }
  return posts;
}

function deliveryOf({ destination }: Browser, { message, messageId, redelivered }: Browsed): Delivery {
  const token = prefix + messageId;
  return {
    message,
    messageId,
    destination: shardAt(destination),
    token,
    redelivered,
    deliveryCount: redelivered ? 2 : 1,
  };
}

function endOf({ consumer, destination }: Browser, timestamp: number): Delivery {
  const messageId = `${consumer}-0`;
  const message = { body: new Uint8Array(0), text: true, headers: { browser: 'end' }, timestamp };
  const token = prefix + messageId;
  return { message, messageId, destination: shardAt(destination), token, redelivered: false, deliveryCount: 1 };
}
