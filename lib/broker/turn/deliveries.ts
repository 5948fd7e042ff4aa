import type { AckMode, Delivery } from '../../model/message.ts';
import { encodeToken, type Token } from '../../shard/codec/token.ts';
import type { PlannedMessage } from '../../shard/plan/take.ts';
import type { Turn } from '../../shard/turn.ts';

/** What the tokens of one consumer's deliveries have in common. */
export type Stamp = Pick<Token, 'incarnation' | 'backlog' | 'cumulative'>;

export function stampOf({ draft, backlog }: Turn, ack: AckMode): Stamp {
  return { incarnation: draft.incarnation, backlog, cumulative: ack === 'client' };
}

/** What a consumer gets for a message that was planned for it. */
export function deliveryOf(shard: string, stamp: Stamp, planned: Omit<PlannedMessage, 'transient'>): Delivery {
  const { message, sequence, attempt, key, index, redelivered, failures } = planned;
  return {
    message,
    messageId: `${key}-${index}`,
    destination: shard,
    token: encodeToken({ ...stamp, shard, sequence, attempt }),
    redelivered,
    // One that was not counted against the message, such as at an UNSUBSCRIBE, was a delivery all the same.
    deliveryCount: Math.max(failures + 1, redelivered ? 2 : 1),
  };
}
