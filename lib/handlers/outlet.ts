import type { Clock, Outlet } from '../broker/broker.ts';
import { frameFor, type Push, packFrames } from '../gateway/push.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Delivery } from '../model/message.ts';
import type { StompVersion } from '../stomp/frame.ts';
import { errorFrame, messageFrame } from '../stomp/replies.ts';

const versions = ['1.0', '1.1', '1.2'] as const satisfies readonly StompVersion[];

/** How a subscription is addressed: what its MESSAGE frames need besides the message, in one short text. */
export function addressOf(subscription: string, version: StompVersion, isAuto: boolean): string {
  return `${versions.indexOf(version)}${isAuto ? 'a' : 'c'}${subscription}`;
}

function readAddress(address: string): { subscription: string; version: StompVersion; isAuto: boolean } {
  const version = versions[Number(address[0])] ?? '1.2';
  return { version, isAuto: address[1] === 'a', subscription: address.slice(2) };
}

/** Delivers as MESSAGE frames, packed into posts that go out one after the other, all of them within the time. */
export function stompOutlet(push: Push, limits: Limits, clock: Clock): Outlet {
  const encode: Encode = (address, deliveries, endsLines) => {
    const { subscription, version, isAuto } = readAddress(address);
    const frames = deliveries.map((delivery) => messageFrame(delivery, subscription, version, isAuto, limits));
    return packFrames(frames, limits.postBytes, endsLines);
  };
  const encodeForAll = rememberLast(encode);
  const endsLines = (connection: string) => push.endsLines?.(connection) ?? false;
  return {
    isOpen: push.isOpen,
    congestion: push.congestion,
    async deliver(connection, address, deliveries, timeoutMs) {
      const giveUpAt = clock.now() + timeoutMs;
      let isFirst = true;
      for (const post of encode(address, deliveries, endsLines(connection))) {
        const left = giveUpAt - clock.now();
        if (left <= 0) return isFirst ? 'unsent' : 'unknown';
        const outcome = isFirst
          ? await push.post(connection, post, left)
          : await postPatiently(push, clock, connection, post, giveUpAt);
        if (outcome === 'gone') return isFirst ? 'gone' : 'lost';
        if (outcome === 'refused' || outcome === 'stopped') return isFirst ? 'unsent' : 'unknown';
        if (outcome !== 'sent') return 'unknown';
        isFirst = false;
      }
      return 'sent';
    },
    async feed(connection, address, deliveries, timeoutMs) {
      const giveUpAt = clock.now() + timeoutMs;
      for (const post of encodeForAll(address, deliveries, endsLines(connection))) {
        const outcome = await postPatiently(push, clock, connection, post, giveUpAt);
        if (outcome === 'sent') continue;
        if (outcome === 'missed') await cutOff(push, connection, address, tooSlow);
        return false;
      }
      return true;
    },
    refuse: (connection, address, error) => cutOff(push, connection, address, error),
  };
}

type Encode = (address: string, deliveries: readonly Delivery[], endsLines: boolean) => readonly Uint8Array[];

/** Members of an audience that are addressed alike come one after the other, and get the same octets at each door. */
function rememberLast(encode: Encode): Encode {
  let last:
    | { address: string; deliveries: readonly Delivery[]; posts: Map<boolean, readonly Uint8Array[]> }
    | undefined;
  return (address, deliveries, endsLines) => {
    if (last?.address !== address || last.deliveries !== deliveries) last = { address, deliveries, posts: new Map() };
    const posts = last.posts.get(endsLines) ?? encode(address, deliveries, endsLines);
    last.posts.set(endsLines, posts);
    return posts;
  };
}

const FIRST_WAIT_MS = 20;
const LONGEST_WAIT_MS = 500;

/** Repeats a post that is refused for now. `missed`: it was never taken, or nobody knows. */
async function postPatiently(
  push: Push,
  clock: Clock,
  connection: string,
  post: Uint8Array,
  giveUpAt: number,
): Promise<'sent' | 'gone' | 'stopped' | 'missed'> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const left = giveUpAt - clock.now();
    if (left <= 0) return 'missed';
    const outcome = await push.post(connection, post, left);
    if (outcome === 'unknown') return 'missed';
    if (outcome !== 'refused') return outcome;
    await clock.sleep(Math.min(waitMs, giveUpAt - clock.now()));
  }
}

/** How long the last word to a connection may take. */
const FAREWELL_MS = 500;

const tooSlow = new BrokerError(
  'OVERLOADED',
  'The connection is too slow for its subscriptions to topics, or for what it browses, and is closed: what follows would leave a gap.',
);

/** Closes a connection that would go on with a gap; its client is told why, if it still listens. */
async function cutOff(push: Push, connection: string, address: string, error: BrokerError): Promise<void> {
  const farewell = errorFrame(error, undefined, readAddress(address).version);
  await push.post(connection, frameFor(push, connection, farewell), FAREWELL_MS);
  await push.close(connection);
}
