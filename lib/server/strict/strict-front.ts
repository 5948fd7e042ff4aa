import { setTimeout as sleep } from 'node:timers/promises';
import { Afterwards } from '../../handlers/afterwards.ts';
import type { DispatchEvent } from '../../handlers/events.ts';
import { setUp, systemClock, systemRandom } from '../../handlers/parts.ts';
import { Alarms } from '../alarms.ts';
import { accessOf, doorsOf, type Front, type FrontParts } from '../front.ts';
import { type Functions, functionsOf } from '../functions.ts';
import { chanceOf } from './chance.ts';
import { Environments } from './environments.ts';
import { Gateway } from './gateway.ts';
import { rulesOf } from './rules.ts';

/** Each environment has a cache of its own. */
const CACHE_BYTES = 4 * 1024 * 1024;

/** The cloud in one process: a model of API Gateway before handlers that run as Lambda runs them. */
export function strictFront({ options, store, limits, onFailure }: FrontParts): Front {
  const rules = rulesOf(options.strict ?? true);
  const chance = chanceOf(rules.seed);
  const random = systemRandom();
  const underWay = new Afterwards(() => {});
  const alarms = new Alarms((shard) => dispatch({ shard }));
  const environments = new Environments((): Functions => {
    const bench = setUp({
      store,
      random,
      limits,
      access: accessOf(options, store),
      log: options.log ?? (() => {}),
      push: gateway.push,
      clock: systemClock,
      cacheBytes: CACHE_BYTES,
      endsWithReply: true,
      alarm: alarms.set,
      dispatch: async (shard, nonce, hops) => dispatch({ shard, nonce, hops }),
      onFailure: (error) => {
        if (error.code === 'NOT_MASTER') onFailure(error);
      },
    });
    return functionsOf(bench, doorsOf(options));
  });
  const gateway = new Gateway(environments, rules, chance, () => random.id());
  let dispatches = 0;
  const dispatch = (event: DispatchEvent) => {
    const name = `dispatch ${++dispatches}`;
    underWay.defer(async () => {
      await sleep(chance(name) * rules.shuffleMs);
      await environments.invoke((functions) => functions.dispatch(event));
    });
  };
  return {
    rest: (event) => environments.invoke(({ rest }) => rest(event)),
    connections: { ...gateway.push, post: gateway.post },
    upgrade: gateway.upgrade,
    tcp: undefined,
    sweep: async () => void (await environments.invoke(({ sweep }) => sweep()).catch(() => {})),
    endAlarms: () => alarms.end(),
    drain: () => gateway.drain(),
    async settle() {
      gateway.stop();
      await underWay.settled();
    },
    close: () => gateway.close(),
    destroy: () => gateway.destroy(),
  };
}
