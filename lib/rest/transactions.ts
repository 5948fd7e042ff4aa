import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import { findTransaction, forgetTransaction, noteTransaction } from '../broker/verbs/known-transactions.ts';
import { readToken } from '../broker/verbs/settling.ts';
import {
  ACTIONS_MAX,
  awaitTransaction,
  placeTransaction,
  readTransactionId,
  type Transaction,
  transact,
  transactionId,
  transactionState,
} from '../broker/verbs/transact.ts';
import { formatDestination, parseQueueOrTopic } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import { check, fields } from './check.ts';
import { demandRead } from './deliveries.ts';
import { addressedMessage } from './message-schema.ts';
import { outgoingOf } from './outgoing.ts';
import { readJson } from './request-body.ts';
import type { Call, Reply, Route } from './route.ts';

/** As a client may choose it: long enough that no two are alike by chance. */
const ID = /^[\w-]{16,64}$/;

const idRule = 'has 16 to 64 letters, digits, "-" and "_", such as a UUID';

const transaction = fields({
  id: z.optional(
    z
      .string()
      .check(
        z.regex(ID, { error: idRule }),
        z.describe(
          'Chosen by the client, for this transaction alone, to ask for it later. Without it, the reply has one.',
        ),
      ),
  ),
  sends: z._default(z.array(addressedMessage).check(z.maxLength(ACTIONS_MAX), z.describe('In their order.')), []),
  acknowledge: z._default(
    z
      .array(z.string())
      .check(z.maxLength(ACTIONS_MAX), z.describe('Tokens of deliveries of one queue, as they were received.')),
    [],
  ),
}).check(z.meta({ examples: [{ sends: [{ destination: '/queue/paid', body: 'order 7' }] }] }));

const state = z.object({
  id: z.string().check(z.describe('Names the transaction.')),
  state: z
    .enum(['committed', 'aborted', 'unknown'])
    .check(z.describe('aborted: nothing of it happened. unknown: nobody can tell, or not yet.')),
});

/** Sends and acknowledges at once, or not at all. */
export function transactionRoutes(broker: Broker): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/transactions',
      operation: 'commitTransaction',
      summary: 'Sends messages and acknowledges deliveries: all of it, or nothing.',
      needs: 'credentials',
      body: { required: true, types: { 'application/json': { Transaction: transaction } } },
      replies: { 200: { description: 'It is committed, and durable.', schemas: { TransactionState: state } } },
      handle: (call) => commit(broker, call),
    },
    {
      method: 'GET',
      path: '/v1/transactions/{name}',
      operation: 'describeTransaction',
      summary: 'Tells what became of a transaction, for some minutes after it was decided.',
      needs: 'credentials',
      readName: checkId,
      replies: { 200: { description: 'What is known of it.', schemas: { TransactionState: state } } },
      handle: ({ name, by }) => describe(broker, by, name),
    },
  ];
}

async function commit(broker: Broker, { request, grants, by }: Call): Promise<Reply> {
  const asked = check(transaction, await readJson(request, broker.limits), 'The transaction');
  const now = broker.clock.date();
  const sends = asked.sends.map(({ destination: written, ...message }) => {
    const destination = parseQueueOrTopic(written, broker.limits);
    grants?.demand('write', formatDestination(destination));
    return { destination, message: outgoingOf(message, destination.kind, broker.limits, now) };
  });
  demandRead(grants, asked.acknowledge);
  const settles = asked.acknowledge.map((text) => {
    const token = readToken(text);
    return { shard: token.shard, settling: { kind: 'acknowledge', token } as const };
  });
  return await carryOut(broker, by, asked.id, { sends, settles });
}

/**
 * One whose id was used before is not carried out again: the reply is the one that the first request had. What a full
 * broker refused may be tried again under its id.
 */
async function carryOut(broker: Broker, by: string, id: string | undefined, asked: Transaction): Promise<Reply> {
  const place = placeTransaction(broker, asked);
  const known = id === undefined ? undefined : await noteTransaction(broker, by, id, place);
  try {
    if (known) await awaitTransaction(broker, known);
    else await transact(broker, place, asked);
  } catch (error) {
    // Who only waits for another's request forgets nothing: the id may be in use again.
    const isUndone = !known && error instanceof BrokerError && error.code === 'OVERLOADED';
    if (isUndone && id !== undefined) await forgetTransaction(broker, by, id);
    throw error;
  }
  return { status: 200, json: { id: id ?? transactionId(place), state: 'committed' } };
}

async function describe(broker: Broker, by: string, id: string): Promise<Reply> {
  const place = readTransactionId(id) ?? (await findTransaction(broker, by, id));
  if (!place) throw new BrokerError('NOT_FOUND', `There is no transaction "${id}" of yours.`);
  return { status: 200, json: { id, state: await transactionState(broker, place) } };
}

/** @throws BrokerError INVALID_REQUEST */
function checkId(written: string): string {
  if (readTransactionId(written) || ID.test(written)) return written;
  throw new BrokerError('INVALID_REQUEST', `The id of a transaction ${idRule}, or is as a reply gave it.`);
}
