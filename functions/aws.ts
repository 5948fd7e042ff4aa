import { apiGatewayPush } from '../lib/gateway/api-gateway.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';
import { setUp, systemClock, systemRandom } from '../lib/handlers/parts.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';
import { readSettings } from './settings.ts';
import { Waiters } from './waiters.ts';

export const settings = readSettings(process.env);
const waiters = new Waiters();

/** Most invocations hand nothing over: they start without the client for it. */
async function invoke(event: DispatchEvent): Promise<void> {
  const { invokeDispatch } = await import('./dispatching.ts');
  await invokeDispatch(settings.dispatchFunction, event);
}

/** The parts that the handlers are made from in AWS, made once for an execution environment. */
export const bench = setUp({
  store: openDynamoStore(settings),
  push: apiGatewayPush({ endpoint: settings.connectionsEndpoint }),
  clock: systemClock,
  random: systemRandom(),
  limits: settings.limits,
  endsWithReply: true,
  dispatch: (shard, nonce, hops) => invoke({ shard, nonce, hops }),
  alarm: (shard, _at, awaitedAt) => {
    if (awaitedAt === undefined || !waiters.shouldWait(shard, awaitedAt, Date.now())) return;
    bench.broker.defer(() => invoke({ shard, at: awaitedAt }));
  },
  log: (event, details, error) => {
    const level = error ? 'ERROR' : 'INFO';
    const failure = error && { code: error.code, message: error.message, stack: error.stack };
    process.stdout.write(`${JSON.stringify({ level, event, ...details, ...(failure ? { error: failure } : {}) })}\n`);
  },
});
