import type { Broker } from '../broker/broker.ts';
import { backOff } from '../broker/inbox/leases.ts';
import { type Push, packFrames } from '../gateway/push.ts';

type Replies = {
  readonly broker: Broker;
  readonly push: Push;
  readonly connection: string;
  readonly replies: readonly Uint8Array[];
  /** Called when they are throttled: nobody else waits for them. */
  readonly onHeldUp: () => void;
};

/**
 * Posts replies, and goes on trying while posts are throttled, for `retryMs`. One that may have arrived is not
 * repeated: no client expects a second CONNECTED.
 * @returns false if one may be lost: only the end of its connection tells a client that waits for it
 */
export async function postReplies({ broker, push, connection, replies, onHeldUp }: Replies): Promise<boolean> {
  const { clock, limits } = broker;
  const giveUpAt = clock.now() + limits.retryMs;
  for (const post of packFrames(replies, limits.postBytes, push.endsLines?.(connection))) {
    let outcome = await push.post(connection, post, limits.postMs);
    for (let tries = 0; outcome === 'refused' && clock.now() < giveUpAt; tries++) {
      onHeldUp();
      await backOff(broker, tries);
      outcome = await push.post(connection, post, limits.postMs);
    }
    if (outcome !== 'sent') return false;
  }
  return true;
}
