import * as z from 'zod/mini';
import type { Grants } from '../access/grants.ts';
import type { Broker } from '../broker/broker.ts';
import { acknowledge, destinationOfToken, extend, reject, type Settlement } from '../broker/verbs/settlement.ts';
import type { Requeuing } from '../broker/verbs/settling.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { check, fields } from './check.ts';
import { failureOf } from './failures.ts';
import { visibilityOf } from './receiving.ts';
import { readJson } from './request-body.ts';
import { failure, replyOf } from './results.ts';
import type { Reply, Route } from './route.ts';

const TOKENS = 1000;

const tokens = z.array(z.string()).check(z.minLength(1), z.maxLength(TOKENS), z.describe('As they were received.'));
const named = fields({ tokens });

function rejectionOf({ visibilityMaxMs }: Limits) {
  const delay = z.number().check(z.gte(0), z.lte(visibilityMaxMs / 1000));
  return fields({
    tokens,
    requeue: z._default(z.boolean().check(z.describe('false: no further delivery, but dead-lettered at once.')), true),
    delaySeconds: z._default(delay.check(z.describe('Ready again after so long, from now.')), 0),
  });
}

const settled = z.object({
  results: z.array(
    z.union([z.object({ token: z.string(), ok: z.literal(true) }), z.object({ token: z.string(), error: failure })]),
  ),
});

const replies = {
  200: {
    description: 'Done for each token. A delivery that is over already is done, too.',
    schemas: { Settled: settled },
  },
  207: { description: 'Some tokens name no delivery.', schemas: { Settled: settled } },
};

/** Ends deliveries, or gives them more time, by the tokens that came with them. */
export function deliveryRoutes(broker: Broker): readonly Route[] {
  const rejection = rejectionOf(broker.limits);
  const extension = fields({
    tokens,
    visibilitySeconds: visibilityOf(broker.limits).check(z.describe('The new time, from now.')),
  });
  return [
    {
      method: 'POST',
      path: '/v1/deliveries/acknowledge',
      operation: 'acknowledgeDeliveries',
      summary: 'Ends deliveries: their messages are consumed.',
      needs: 'credentials',
      body: { required: true, types: { 'application/json': { Tokens: named } } },
      replies,
      async handle({ request, grants }) {
        const asked = check(named, await readJson(request, broker.limits), 'The request');
        demandRead(grants, asked.tokens);
        return replyOfAll(await acknowledge(broker, asked.tokens));
      },
    },
    {
      method: 'POST',
      path: '/v1/deliveries/reject',
      operation: 'rejectDeliveries',
      summary: 'Ends deliveries: their messages are ready again, now or later, or dead-lettered.',
      needs: 'credentials',
      body: { required: true, types: { 'application/json': { Rejection: rejection } } },
      replies,
      async handle({ request, grants }) {
        const asked = check(rejection, await readJson(request, broker.limits), 'The request');
        demandRead(grants, asked.tokens);
        return replyOfAll(await reject(broker, asked.tokens, requeuingOf(asked)));
      },
    },
    {
      method: 'POST',
      path: '/v1/deliveries/extend',
      operation: 'extendDeliveries',
      summary: 'Gives deliveries a new time in which to acknowledge them.',
      needs: 'credentials',
      body: { required: true, types: { 'application/json': { Extension: extension } } },
      replies,
      async handle({ request, grants }) {
        const asked = check(extension, await readJson(request, broker.limits), 'The request');
        demandRead(grants, asked.tokens);
        return replyOfAll(await extend(broker, asked.tokens, asked.visibilitySeconds * 1000));
      },
    },
  ];
}

/** @throws BrokerError INVALID_REQUEST for what is neither */
function requeuingOf(asked: { readonly requeue: boolean; readonly delaySeconds: number }): Requeuing | undefined {
  const afterMs = Math.ceil(asked.delaySeconds * 1000);
  if (asked.requeue) return afterMs > 0 ? { afterMs } : undefined;
  if (afterMs === 0) return 'never';
  throw new BrokerError('INVALID_REQUEST', 'A rejection has requeue false or delaySeconds, and not both.');
}

/** Before any of them is carried out. @throws BrokerError FORBIDDEN */
export function demandRead(grants: Grants | undefined, tokens: readonly string[]): void {
  if (!grants) return;
  for (const destination of new Set(tokens.map(destinationOfToken))) {
    if (destination !== undefined) grants.demand('read', destination);
  }
}

function replyOfAll(settlements: readonly Settlement[]): Reply {
  const results = settlements.map(({ token, error }) =>
    error ? { token, error: failureOf(error) } : { token, ok: true },
  );
  return replyOf(
    results,
    settlements.flatMap(({ error }) => error ?? []),
  );
}
