import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import { receive } from '../broker/verbs/receive.ts';
import type { Limits } from '../model/limits.ts';
import { check, fields } from './check.ts';
import { receivedOf } from './incoming.ts';
import { receivedMessage } from './message-schema.ts';
import { readJson } from './request-body.ts';
import type { Call, Reply, Route } from './route.ts';

const received = z.object({ messages: z.array(receivedMessage) });

/** Seconds in which messages that were taken must be acknowledged. */
export function visibilityOf(limits: Limits) {
  return z.int().check(z.gte(0), z.lte(limits.visibilityMaxMs / 1000));
}

function pullOf(limits: Limits) {
  const { receiveCount, waitMs, visibilityMs } = limits;
  return fields({
    max: z._default(z.int().check(z.gte(1), z.lte(receiveCount), z.describe('The most messages to take.')), 1),
    waitSeconds: z._default(
      z.number().check(z.gte(0), z.lte(waitMs / 1000), z.describe('How long to wait for the first message.')),
      0,
    ),
    visibilitySeconds: z._default(
      visibilityOf(limits).check(z.describe('What is not acknowledged after this is ready again.')),
      visibilityMs / 1000,
    ),
  }).check(z.meta({ examples: [{ max: 10, waitSeconds: 20 }] }));
}

/** Takes messages from a queue, waiting for the first. */
export function receiveRoute(broker: Broker): Route {
  const pull = pullOf(broker.limits);
  return {
    method: 'POST',
    path: '/v1/queues/{name}/receive',
    operation: 'receiveMessages',
    summary: 'Takes messages; they must be acknowledged, or are ready again. None in time is an empty list.',
    needs: 'read',
    body: { required: false, types: { 'application/json': { Receive: pull } } },
    replies: { 200: { description: 'What was taken.', schemas: { Received: received } } },
    async handle({ request, name, caller }: Call): Promise<Reply> {
      const value = (await readJson(request, broker.limits)) ?? {};
      const { max, waitSeconds, visibilitySeconds } = check(pull, value, 'The request');
      const deliveries = await receive(broker, name, {
        max,
        waitMs: waitSeconds * 1000,
        visibilityMs: visibilitySeconds * 1000,
        caller,
      });
      return { status: 200, json: { messages: deliveries.map(receivedOf) } };
    },
  };
}
