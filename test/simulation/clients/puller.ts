import type { Settlement } from '../../../lib/broker/verbs/settlement.ts';
import type { Delivery } from '../../../lib/model/message.ts';
import { requests } from '../requests.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { ImpatientCaller } from './caller.ts';

const PATIENCE_MS = 6000;

export type PullerOptions = {
  readonly queue: string;
  readonly max: number;
  readonly waitMs: number;
  readonly visibilityMs: number;
  readonly rejects: number;
  readonly forgets: number;
  readonly extends: number;
  /** How long it wants what it rejects to wait, at most. Default: not at all. */
  readonly delayMs?: number;
  /** The share of pulls whose client goes before it has its reply. Only a process of one's own is told. */
  readonly hangsUp?: number;
  /** How long it rests between pulls, about. */
  readonly restMs?: number;
};

/** Receives over REST, again and again, and settles what it gets, or lets its deadline pass. */
export class Puller {
  readonly #world: World;
  readonly #site: Site;
  readonly #name: string;
  readonly #options: PullerOptions;
  #rounds = 0;
  #askedAt = 0;
  #isAnswered = true;
  #isOver = false;

  constructor(world: World, site: Site, name: string, options: PullerOptions) {
    this.#world = world;
    this.#site = site;
    this.#name = name;
    this.#options = options;
    this.#pull();
  }

  end(): void {
    this.#isOver = true;
  }

  /** It has ended, and no pull of it is on its way any more. */
  get isStill(): boolean {
    return this.#isOver && (this.#isAnswered || this.#world.schedule.now - this.#askedAt > PATIENCE_MS);
  }

  #pull(): void {
    if (this.#isOver) return;
    const { schedule, pace } = this.#world;
    const { queue, max, waitMs, visibilityMs, restMs = 100 } = this.#options;
    const round = ++this.#rounds;
    const until = schedule.now + visibilityMs;
    this.#askedAt = schedule.now + waitMs;
    this.#isAnswered = false;
    const next = () => {
      if (round === this.#rounds) this.#pull();
    };
    const caller = this.#impatientCaller();
    const onReply = (deliveries: readonly Delivery[]) => {
      if (round === this.#rounds) this.#isAnswered = true;
      if (caller) caller.hangUpOnReply();
      else for (const delivery of deliveries) this.#take(delivery, until);
      pace.rest(restMs, next);
    };
    this.#site.request('receive', requests.receive(queue, { max, waitMs, visibilityMs, caller }), { onReply });
    schedule.after(PATIENCE_MS + waitMs, () => pace.rest(restMs, next));
  }

  /** Half of those who go do so while they wait, the others when the reply is written. */
  #impatientCaller(): ImpatientCaller | undefined {
    const { prng, schedule } = this.#world;
    const { hangsUp = 0, waitMs } = this.#options;
    if (hangsUp === 0 || !this.#site.isSelfHosted || !prng.chance(hangsUp)) return undefined;
    const caller = new ImpatientCaller(this.#world);
    if (prng.chance(0.5)) schedule.after(prng.latency(waitMs / 2), () => caller.hangUp());
    return caller;
  }

  #take(delivery: Delivery, until: number): void {
    const { witness, schedule, prng } = this.#world;
    const { queue, visibilityMs, rejects, forgets, extends: extending, delayMs = 0 } = this.#options;
    const { history } = witness;
    history.pulled(this.#name, queue, delivery, until);
    if (prng.chance(forgets)) return;
    const verb = prng.chance(rejects) ? 'reject' : 'acknowledge';
    const wish = verb === 'reject' && delayMs > 0 ? ({ afterMs: prng.between(0, delayMs) } as const) : undefined;
    const settle = () => {
      if (verb === 'acknowledge') history.acknowledging(queue, delivery.messageId);
      else history.letGo(queue, delivery.messageId);
      const [token, onReply] = [delivery.token, (told: readonly Settlement[]) => witness.told(told)];
      const work = verb === 'acknowledge' ? requests.acknowledge([token]) : requests.reject([token], wish);
      this.#site.request(verb, work, { onReply });
    };
    schedule.after(prng.latency(visibilityMs / 3), () => {
      if (!prng.chance(extending)) return settle();
      history.letGo(queue, delivery.messageId);
      const onReply = (told: readonly Settlement[]) => {
        witness.told(told);
        settle();
      };
      this.#site.request('extend', requests.extend([delivery.token], visibilityMs), { onReply });
    });
  }
}
