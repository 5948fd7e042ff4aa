import { apiGatewayPush } from '../lib/gateway/api-gateway.ts';
import { setUp, systemClock, systemRandom } from '../lib/handlers/environment.ts';
import type { DispatchEvent } from '../lib/handlers/events.ts';
import { groupDestinations } from '../lib/model/groups.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';
import { accessOn } from './access.ts';
import { observe } from './observation.ts';
import { readSettings } from './settings.ts';
import { Waiters } from './waiters.ts';

export const settings = readSettings(process.env);
const { tablePrefix, groups } = settings;
const waiters = new Waiters();
const { consumption, onThrottled, ...observation } = observe({
  service: tablePrefix,
  groupOf: groupDestinations(groups).groupOf,
  watched: settings.watchedQueues,
});
const store = openDynamoStore({ tablePrefix, groups, consumption });

/** Most invocations hand nothing over: they start without the client for it. */
async function invoke(event: DispatchEvent): Promise<void> {
  const { invokeDispatch } = await import('./dispatching.ts');
  await invokeDispatch(settings.dispatchFunction, event);
}

/** The parts that the handlers are made from in AWS, made once for an execution environment. */
export const environment = setUp({
  store,
  access: accessOn(store, (refused) => {
    observation.meter('loginsRefused', 1);
    observation.audit('login refused', refused);
  }),
  push: apiGatewayPush({ endpoint: settings.connectionsEndpoint }, onThrottled),
  clock: systemClock,
  random: systemRandom(),
  limits: settings.limits,
  endsWithReply: true,
  isDeployment: true,
  dispatch: (shard, nonce, hops) => invoke({ shard, nonce, hops }),
  wakeAt: (shard, _at, awaitedAt) => {
    if (awaitedAt === undefined || !waiters.shouldWait(shard, awaitedAt, Date.now())) return;
    environment.broker.defer(() => invoke({ shard, at: awaitedAt }));
  },
  ...observation,
});
