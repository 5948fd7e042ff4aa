import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { apiGatewayPush } from '../lib/gateway/api-gateway.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';
import { setUp, systemClock, systemRandom } from '../lib/handlers/parts.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';
import { DEFAULT_GROUP } from '../lib/store/dynamodb/tables.ts';
import { accessOn } from './access.ts';
import { setting } from './environment.ts';
import { observe } from './observation.ts';

/** Sooner than this a waiting invocation covers a wake-up; what is later is the sweep's. */
const NEAR_MS = 60_000;

/** By shard, when the invocation that waits for it wakes up: one is enough, and what comes later it finds. */
const waiting = new Map<string, number>();

const tablePrefix = setting('TABLE_PREFIX');
const lambda = new LambdaClient({});
const { consumption, onThrottled, ...observation } = observe({
  service: tablePrefix,
  groupOf: () => DEFAULT_GROUP,
  watched: (process.env.WATCHED_QUEUES ?? '').split(',').filter(Boolean),
});

async function invokeDispatch(event: DispatchEvent): Promise<void> {
  const Payload = JSON.stringify(event);
  await lambda.send(
    new InvokeCommand({ FunctionName: setting('DISPATCH_FUNCTION'), InvocationType: 'Event', Payload }),
  );
}

const store = openDynamoStore({ tablePrefix, consumption });

/** The parts that the handlers are made from in AWS, made once for an execution environment. */
export const bench = setUp({
  store,
  access: accessOn(store),
  push: apiGatewayPush({ endpoint: setting('CONNECTIONS_ENDPOINT') }, onThrottled),
  clock: systemClock,
  random: systemRandom(),
  limits: cloudLimits,
  endsWithReply: true,
  dispatch: (shard, nonce) => invokeDispatch({ shard, nonce }),
  alarm: (shard, at) => {
    const now = Date.now();
    for (const [other, until] of waiting) if (until <= now) waiting.delete(other);
    if (at - now >= NEAR_MS || (waiting.get(shard) ?? Number.POSITIVE_INFINITY) <= at) return;
    waiting.set(shard, at);
    bench.broker.defer(() => invokeDispatch({ shard, at }));
  },
  ...observation,
});
