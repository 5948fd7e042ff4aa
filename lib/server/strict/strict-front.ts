import { setTimeout as sleep } from 'node:timers/promises';
import { Afterwards } from '../../handlers/afterwards.ts';
import { type Environment, setUp, systemClock, systemRandom } from '../../handlers/environment.ts';
import type { DispatchEvent } from '../../handlers/events.ts';
import { accessOf, doorsOf, type Front, type FrontParts } from '../front.ts';
import { type Invocables, invocablesOf } from '../invocations.ts';
import { WakeTimers } from '../timers.ts';
import { chanceOf } from './chance.ts';
import { Environments } from './environments.ts';
import { Gateway } from './gateway.ts';
import { handedOn } from './result-size.ts';
import { rulesOf } from './rules.ts';

/** Each environment has a cache of its own. */
const CACHE_BYTES = 4 * 1024 * 1024;

/** The cloud in one process: a model of API Gateway before handlers that run as Lambda runs them. */
export function strictFront({ options, store, limits, onFailure }: FrontParts): Front {
  const rules = rulesOf(options.strict || true);
  const chance = chanceOf(rules.seed);
  const random = systemRandom();
  const underWay = new Afterwards(() => {});
  const timers = new WakeTimers((shard) => dispatch({ shard }), systemClock.now);
  const allLines: Environment['broker']['lines'][] = [];
  let isDraining = false;
  const environments = new Environments((): Invocables => {
    const environment = setUp({
      store,
      random,
      limits,
      access: accessOf(options, store),
      log: options.log ?? (() => {}),
      audit: options.audit ?? (() => {}),
      push: gateway.push,
      clock: systemClock,
      cacheBytes: CACHE_BYTES,
      endsWithReply: true,
      wakeAt: timers.set,
      dispatch: async (shard, nonce, hops) => dispatch({ shard, nonce, hops }),
      onFailure: (error) => {
        if (error.code === 'NOT_MASTER') onFailure(error);
      },
    });
    const { lines } = environment.broker;
    allLines.push(lines);
    if (isDraining) lines.end();
    return invocablesOf(environment, doorsOf(options));
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
    rest: async (event) => handedOn(await environments.invoke(({ rest }) => rest(event))),
    connections: { ...gateway.push, post: gateway.post },
    upgrade: gateway.upgrade,
    tcp: undefined,
    sweep: async () => void (await environments.invoke(({ sweep }) => sweep()).catch(() => {})),
    endTimers: () => timers.end(),
    async drain() {
      isDraining = true;
      for (const lines of allLines) lines.end();
      await gateway.drain();
    },
    async quiesce() {
      gateway.stop();
      await underWay.idle();
    },
    close: () => gateway.close(),
    destroy: () => gateway.destroy(),
  };
}
