import { browse } from '../../lib/broker/browse.ts';
import { deleteQueue, purgeQueue } from '../../lib/broker/queues.ts';
import { type Receive, receive } from '../../lib/broker/receive.ts';
import { acknowledge, extend, reject, type Settlement } from '../../lib/broker/settlement.ts';
import type { Bench } from '../../lib/handlers/parts.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import type { Delivery } from '../../lib/model/message.ts';

/** What one invocation does. */
export type Work<R> = (bench: Bench) => Promise<R>;

/** A Lambda function replies when all that it deferred is done. */
function ended<R>(work: Work<R>): Work<R> {
  return async (bench) => {
    const reply = await work(bench);
    if (bench.parts.endsWithReply) await bench.afterwards.settled();
    return reply;
  };
}

const BROWSED_MAX = 10_000;

/** What the REST interface asks the broker for. */
export const requests = {
  receive: (queue: string, pull: Receive): Work<readonly Delivery[]> =>
    ended(({ broker }) => receive(broker, queue, pull)),
  acknowledge: (tokens: readonly string[]): Work<Settlement[]> => ended(({ broker }) => acknowledge(broker, tokens)),
  reject: (tokens: readonly string[]): Work<Settlement[]> => ended(({ broker }) => reject(broker, tokens)),
  extend: (tokens: readonly string[], visibilityMs: number): Work<Settlement[]> =>
    ended(({ broker }) => extend(broker, tokens, visibilityMs)),
  purge: (queue: string): Work<void> => ended(async ({ broker }) => void (await purgeQueue(broker, queue))),
  remove: (queue: string): Work<void> => ended(({ broker }) => deleteQueue(broker, queue)),
  /** The bodies; none where there is no such queue. */
  browse: (queue: string): Work<readonly string[]> =>
    ended(async ({ broker }) => {
      try {
        const shown = await browse(broker, queue, 0, BROWSED_MAX);
        return shown.map(({ message }) => Buffer.from(message.body).toString());
      } catch (error) {
        if (error instanceof BrokerError && error.code === 'NOT_FOUND') return [];
        throw error;
      }
    }),
};
