import { BrokerError } from '../../../lib/model/errors.ts';
import type { Delivery } from '../../../lib/model/message.ts';
import { requests } from '../requests.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';

const PATIENCE_MS = 12_000;

export type TransactorOptions = {
  /** The queue from which it takes. */
  readonly from: string;
  /** Where it sends to, that queue among them or not. */
  readonly to: readonly [string, ...string[]];
  readonly max: number;
  readonly visibilityMs: number;
  /** How long it rests between pulls, about. */
  readonly restMs: number;
  /** The share of transactions that only send. */
  readonly sendsAlone: number;
  /** The share of what it gets that it keeps for the transaction after the next one. */
  readonly keeps: number;
  /** The share of what it sends that is not persistent. */
  readonly transient: number;
};

/** Takes some messages, and in one transaction sends others and acknowledges those; over REST, again and again. */
export class Transactor {
  readonly #world: World;
  readonly #site: Site;
  readonly #name: string;
  readonly #options: TransactorOptions;
  #made = 0;
  #rounds = 0;
  #askedAt = 0;
  #isAnswered = true;
  #isOver = false;
  /** Got, and not acknowledged yet. */
  #kept: Delivery[] = [];

  constructor(world: World, site: Site, name: string, options: TransactorOptions) {
    this.#world = world;
    this.#site = site;
    this.#name = name;
    this.#options = options;
    world.witness.expect('TRANSACTION_ABORTED');
    this.#next(++this.#rounds);
  }

  end(): void {
    this.#isOver = true;
  }

  /** It has ended, and nothing that it asked for is on its way any more. */
  get isStill(): boolean {
    return this.#isOver && (this.#isAnswered || this.#world.schedule.now - this.#askedAt > PATIENCE_MS);
  }

  /** Begins a round, unless a later one is under way. */
  #next(round: number): void {
    const { prng } = this.#world;
    if (this.#isOver || round !== this.#rounds) return;
    this.#askedAt = this.#world.schedule.now;
    this.#isAnswered = false;
    if (prng.chance(this.#options.sendsAlone)) this.#transact(round, []);
    else this.#pull(round);
    this.#world.schedule.after(PATIENCE_MS, () => this.#rest(round));
  }

  #rest(round: number): void {
    if (round !== this.#rounds) return;
    this.#isAnswered = true;
    const next = ++this.#rounds;
    this.#world.pace.rest(this.#options.restMs, () => this.#next(next));
  }

  #pull(round: number): void {
    const { schedule, prng } = this.#world;
    const { from, max, visibilityMs } = this.#options;
    const until = schedule.now + visibilityMs;
    const onReply = (deliveries: readonly Delivery[]) => {
      for (const delivery of deliveries) this.#world.witness.history.pulled(this.#name, from, delivery, until);
      if (deliveries.length === 0) this.#rest(round);
      else schedule.after(prng.latency(visibilityMs / 2), () => this.#transact(round, deliveries));
    };
    this.#site.request('receive', requests.receive(from, { max, waitMs: 0, visibilityMs }), { onReply });
  }

  #transact(round: number, fresh: readonly Delivery[]): void {
    const { witness, prng } = this.#world;
    const { from, to, transient, keeps } = this.#options;
    const kept = fresh.filter(() => prng.chance(keeps));
    const got = [...this.#kept, ...fresh.filter((delivery) => !kept.includes(delivery))];
    this.#kept = kept;
    const count = prng.between(got.length > 0 ? 0 : 1, 4);
    const sends = Array.from({ length: count }, (_, i) => {
      // What acknowledges nothing is decided where its first message goes.
      const queue = got.length === 0 && i === 0 ? from : prng.pick(to as [string, ...string[]]);
      const headers: Record<string, string> = prng.chance(transient) ? { persistent: 'false' } : {};
      return { id: `${this.#name}.${++this.#made}`, queue, headers };
    });
    for (const { id, queue, headers } of sends) witness.history.make(queue, [{ id, headers }]);
    const log = witness.history.transactions;
    const asked = log.ask(
      sends.map(({ id }) => id),
      got.map(({ messageId }) => ({ queue: from, messageId })),
    );
    this.#site.request(
      'transact',
      requests.transact(
        sends,
        got.map(({ token }) => token),
      ),
      {
        onReply: () => {
          log.committed(asked);
          this.#rest(round);
        },
        onFailure: (error) => {
          // What a full broker refuses did not happen, either.
          const code = error instanceof BrokerError ? error.code : '';
          const isAborted = code === 'TRANSACTION_ABORTED' || code === 'OVERLOADED';
          if (isAborted) this.#world.schedule.watch(() => log.aborted(asked));
          this.#rest(round);
        },
      },
    );
  }
}
