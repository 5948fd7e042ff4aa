import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { Access } from '../lib/access/access.ts';
import { readAccessSettings } from '../lib/access/settings.ts';
import { apiGatewayPush } from '../lib/gateway/api-gateway.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';
import { setUp, systemClock, systemRandom } from '../lib/handlers/parts.ts';
import { BrokerError } from '../lib/model/errors.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';

/** Sooner than this a waiting invocation covers a wake-up; what is later is the sweep's. */
const NEAR_MS = 60_000;

/** By shard, when the invocation that waits for it wakes up: one is enough, and what comes later it finds. */
const waiting = new Map<string, number>();

function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new BrokerError('UNAVAILABLE', `The function's environment lacks ${name}.`);
}

const lambda = new LambdaClient({});

async function invokeDispatch(event: DispatchEvent): Promise<void> {
  const Payload = JSON.stringify(event);
  await lambda.send(
    new InvokeCommand({ FunctionName: setting('DISPATCH_FUNCTION'), InvocationType: 'Event', Payload }),
  );
}

const store = openDynamoStore({ tablePrefix: setting('TABLE_PREFIX') });

const access = readAccessSettings(process.env);

/** The parts that the handlers are made from in AWS, made once for an execution environment. */
export const bench = setUp({
  store,
  access: access && new Access({ store, now: Date.now, ...access }),
  push: apiGatewayPush({ endpoint: setting('CONNECTIONS_ENDPOINT') }),
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
  log: (event, details, error) => {
    const level = error ? 'ERROR' : 'INFO';
    const failure = error && { code: error.code, message: error.message, stack: error.stack };
    process.stdout.write(`${JSON.stringify({ level, event, ...details, ...(failure ? { error: failure } : {}) })}\n`);
  },
});
