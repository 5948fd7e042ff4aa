import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { Access } from '../lib/access/access.ts';
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

/** Closed unless it is said to be open. Tokens are taken where there is an issuer. */
function accessOf({
  ACCESS,
  JWT_ISSUER,
  JWT_AUDIENCE,
  JWT_JWKS_URI,
  JWT_CLAIM,
}: NodeJS.ProcessEnv): Access | undefined {
  if (ACCESS === 'open') return undefined;
  const tokens = JWT_ISSUER
    ? {
        issuer: JWT_ISSUER,
        audience: JWT_AUDIENCE || setting('JWT_AUDIENCE'),
        jwksUri: JWT_JWKS_URI || undefined,
        claim: JWT_CLAIM || undefined,
      }
    : undefined;
  return new Access({ store, now: Date.now, tokens });
}

/** The parts that the handlers are made from in AWS, made once for an execution environment. */
export const bench = setUp({
  store,
  access: accessOf(process.env),
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
