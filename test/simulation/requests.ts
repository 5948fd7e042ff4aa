import { type BrowsePage, browse } from '../../lib/broker/verbs/browse.ts';
import { deleteQueue, purgeQueue } from '../../lib/broker/verbs/queues.ts';
import { type Receive, receive } from '../../lib/broker/verbs/receive.ts';
import { acknowledge, extend, reject, type Settlement } from '../../lib/broker/verbs/settlement.ts';
import { type Requeuing, readToken } from '../../lib/broker/verbs/settling.ts';
import { placeTransaction, transact } from '../../lib/broker/verbs/transact.ts';
import type { Environment } from '../../lib/handlers/environment.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import type { Delivery, Headers } from '../../lib/model/message.ts';
import { idOf } from './bodies.ts';

/** What one invocation does. */
export type Work<R> = (environment: Environment) => Promise<R>;

/** A Lambda function replies when all that it deferred is done. */
function ended<R>(work: Work<R>): Work<R> {
  return async (environment) => {
    const broker = { ...environment.broker, isReplyLast: environment.given.endsWithReply };
    const reply = await work({ ...environment, broker });
    if (environment.given.endsWithReply) await environment.afterwards.idle();
    return reply;
  };
}

const PAGE_MESSAGES = 1000;

/** What the REST interface asks the broker for. */
export const requests = {
  receive: (queue: string, pull: Receive): Work<readonly Delivery[]> =>
    ended(({ broker }) => receive(broker, queue, pull)),
  acknowledge: (tokens: readonly string[]): Work<Settlement[]> => ended(({ broker }) => acknowledge(broker, tokens)),
  reject: (tokens: readonly string[], asked?: Requeuing): Work<Settlement[]> =>
    ended(({ broker }) => reject(broker, tokens, asked)),
  extend: (tokens: readonly string[], visibilityMs: number): Work<Settlement[]> =>
    ended(({ broker }) => extend(broker, tokens, visibilityMs)),
  /** What is told of its end says that it is durable. */
  transact: (
    sends: readonly { readonly id: string; readonly queue: string; readonly headers: Headers }[],
    tokens: readonly string[],
  ): Work<void> =>
    ended(async ({ broker }) => {
      const transaction = {
        sends: sends.map(({ id, queue, headers }) => ({
          destination: { kind: 'queue', name: queue } as const,
          message: { body: Buffer.from(id), text: true, headers },
        })),
        settles: tokens.map((text) => {
          const token = readToken(text);
          return { shard: token.shard, settling: { kind: 'acknowledge', token } as const };
        }),
      };
      await transact(broker, placeTransaction(broker, transaction), transaction);
    }),
  purge: (queue: string): Work<void> => ended(async ({ broker }) => void (await purgeQueue(broker, queue))),
  remove: (queue: string): Work<void> => ended(async ({ broker }) => void (await deleteQueue(broker, queue))),
  /** The bodies; none where there is no such queue. */
  browse: (queue: string): Work<readonly string[]> =>
    ended(async ({ broker }) => {
      try {
        const bodies: string[] = [];
        for (let after: number | undefined = 0; after !== undefined; ) {
          const page: BrowsePage = await browse(broker, queue, after, PAGE_MESSAGES);
          bodies.push(...page.messages.map(({ message }) => idOf(message.body)));
          after = page.next;
        }
        return bodies;
      } catch (error) {
        if (error instanceof BrokerError && error.code === 'NOT_FOUND') return [];
        throw error;
      }
    }),
};
