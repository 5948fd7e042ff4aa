import type { Delivery } from '../../lib/model/message.ts';
import { must } from './checks/violation.ts';
import { ImpatientCaller } from './clients/caller.ts';
import { Producer } from './clients/producer.ts';
import { requests } from './requests.ts';
import type { Site } from './site.ts';
import type { Workload } from './workloads/workload.ts';
import type { World } from './world.ts';

const QUEUE = 'window';
const MESSAGES = 12;
/** A message may be given back, and be called for again. */
const PULLS_MAX = 3 * MESSAGES;
const WAIT_MS = 12_000;
/** One that comes back by its deadline alone comes too late. */
const VISIBILITY_MS = 60_000;
const PROMPT_MS = 20_000;
const APART_MS = 20;
/** Who comes so much later comes later, whatever way the requests take. */
const LATER_MS = 100;

/** A pull of one message. */
class Waiting {
  readonly name: string;
  readonly caller: ImpatientCaller | undefined;
  readonly since: number;
  /** When a commit gave it a message, or its wait was over otherwise. */
  overAt = Number.POSITIVE_INFINITY;
  isServed = false;

  constructor(name: string, caller: ImpatientCaller | undefined, since: number) {
    this.name = name;
    this.caller = caller;
    this.since = since;
  }

  get isOver(): boolean {
    return this.overAt < Number.POSITIVE_INFINITY;
  }
}

/** Pulls that wait at one queue, of which some hang up. */
class WaitingPulls {
  readonly #world: World;
  readonly #site: Site;
  readonly #all: Waiting[] = [];

  constructor(world: World, site: Site) {
    this.#world = world;
    this.#site = site;
  }

  get areOver(): boolean {
    return this.#all.every(({ isOver }) => isOver);
  }

  describe(): readonly string[] {
    return this.#all.filter(({ isOver }) => !isOver).map(({ name }) => name);
  }

  join(hangsUp: 'never' | 'while it waits' | 'on its reply'): void {
    const { schedule, prng } = this.#world;
    const caller = hangsUp === 'never' ? undefined : new ImpatientCaller(this.#world);
    const waiting = new Waiting(`w${this.#all.length}`, caller, schedule.now);
    this.#all.push(waiting);
    if (hangsUp === 'while it waits') {
      schedule.after(prng.between(0, WAIT_MS / 4), () => {
        waiting.overAt = Math.min(waiting.overAt, schedule.now);
        caller?.hangUp();
      });
    }
    const pull = requests.receive(QUEUE, { max: 1, waitMs: WAIT_MS, visibilityMs: VISIBILITY_MS, caller });
    const onReply = (deliveries: readonly Delivery[]) => this.#answered(waiting, deliveries);
    this.#site.request('receive', pull, { onReply });
  }

  #answered(waiting: Waiting, deliveries: readonly Delivery[]): void {
    if (waiting.caller) waiting.caller.hangUpOnReply();
    else for (const delivery of deliveries) this.#take(waiting, delivery);
    const { schedule, witness } = this.#world;
    const [delivery] = deliveries;
    const { sightings } = witness.history;
    const givenAt = delivery && sightings.givenAt(QUEUE, delivery.messageId, delivery.token);
    const overAt = givenAt ?? schedule.now;
    // Who hung up before that was not served, whatever the reply has.
    waiting.isServed = delivery !== undefined && overAt <= waiting.overAt;
    waiting.overAt = Math.min(waiting.overAt, overAt);
  }

  /** In one process. */
  checkOrder(): void {
    for (const later of this.#all.filter(({ isServed }) => isServed)) {
      for (const earlier of this.#all.filter(({ since }) => since <= later.since - LATER_MS)) {
        const isFirst = earlier.overAt <= later.overAt;
        must(isFirst, 'who waits longest is served first', earlier.name, earlier.overAt, later.name, later.overAt);
      }
    }
  }

  #take({ name }: Waiting, delivery: Delivery): void {
    const { witness, schedule } = this.#world;
    const { history } = witness;
    history.pulled(name, QUEUE, delivery, schedule.now + VISIBILITY_MS);
    history.acknowledging(QUEUE, delivery.messageId);
    this.#site.request('acknowledge', requests.acknowledge([delivery.token]), {
      onReply: (told) => witness.told(told),
    });
  }
}

/**
 * Many pulls wait at a queue, and few messages come: each goes to one of them at once, also what was given to one who
 * hung up; nobody is forgotten.
 */
export async function serveWaiting(world: World, site: Site, { waiting = 0 }: Workload): Promise<void> {
  if (waiting === 0) return;
  const { schedule, witness } = world;
  site.stopSweeping();
  const pulls = new WaitingPulls(world, site);
  const [everyFifth, everySeventh] = [5, 7];
  for (let n = 0; n < waiting; n++) {
    // Nobody else is told who hangs up.
    const mayHangUp = site.isSelfHosted;
    const isImpatient = mayHangUp && n % everyFifth === 1;
    const isCutOff = mayHangUp && n % everySeventh === 0;
    pulls.join(isCutOff ? 'on its reply' : isImpatient ? 'while it waits' : 'never');
    await schedule.runUntil(schedule.now + APART_MS);
  }
  const sending = { queue: QUEUE, count: MESSAGES, restMs: 150, transient: 0, expiring: 0 };
  const producer = new Producer(world, site, 'given', sending);
  const isServed = () => producer.isDone && witness.history.sent.unended().length === 0;
  await schedule.runUntil(schedule.now + PROMPT_MS, () => isServed() && pulls.areOver);
  const shard = witness.shard(`/queue/${QUEUE}`);
  if (site.isSelfHosted) {
    must(shard.pulls <= PULLS_MAX, 'no more pulls are put in than there are messages for', shard.name, shard.pulls);
  }
  must(pulls.areOver, 'who waits is answered', pulls.describe(), shard.describe());
  if (site.isSelfHosted) pulls.checkOrder();
  must(isServed(), 'what comes goes to those who wait, at once', shard.describe());
}
