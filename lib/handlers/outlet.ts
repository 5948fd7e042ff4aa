import type { Clock, Outlet } from '../broker/parts.ts';
import { type Push, packFrames } from '../gateway/push.ts';
import type { Limits } from '../model/limits.ts';
import type { StompVersion } from '../stomp/frame.ts';
import { messageFrame } from '../stomp/replies.ts';

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
  return {
    isOpen: push.isOpen,
    async deliver(connection, address, deliveries, timeoutMs) {
      const { subscription, version, isAuto } = readAddress(address);
      const frames = deliveries.map((delivery) => messageFrame(delivery, subscription, version, isAuto, limits));
      const giveUpAt = clock.now() + timeoutMs;
      let isFirst = true;
      for (const post of packFrames(frames, limits.postBytes)) {
        const left = giveUpAt - clock.now();
        if (left <= 0) return isFirst ? 'unsent' : 'unknown';
        const outcome = await push.post(connection, post, left);
        if (outcome === 'gone') return isFirst ? 'gone' : 'lost';
        if (outcome === 'refused') return isFirst ? 'unsent' : 'unknown';
        if (outcome === 'unknown') return 'unknown';
        isFirst = false;
      }
      return 'sent';
    },
  };
}
