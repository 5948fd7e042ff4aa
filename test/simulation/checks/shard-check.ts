import { hasDeadLetters, isTopic, queueOf } from '../../../lib/broker/shards.ts';
import { deadLetterQueueOf } from '../../../lib/model/destination.ts';
import { readyCount } from '../../../lib/shard/draft.ts';
import { decodeEntry, type Entry } from '../../../lib/shard/entry.ts';
import { endOf } from '../../../lib/shard/reference.ts';
import { emptyState, type State } from '../../../lib/shard/state.ts';
import { decodeState } from '../../../lib/shard/state-codec.ts';
import { minuteOf } from '../../../lib/shard/wake-up.ts';
import type { Append, Commit, Head } from '../../../lib/store/port.ts';
import { type Standing, standingsOf } from '../../property/shard-ledger.ts';
import { showHead } from '../story.ts';
import { Arrivals } from './arrivals.ts';
import { checkFlags } from './flags.ts';
import { Pages } from './pages.ts';
import { canDeliver, checkBounds, checkCounts } from './shard-state.ts';
import { must } from './violation.ts';
import type { Actor, Witness } from './witness.ts';

/** What a push gave back is tried again within this time. */
const RETRY_MS = 1000;

/** One shard, as all who wrote to it left it: what must hold after each write. */
export class ShardCheck {
  readonly name: string;
  readonly #witness: Witness;
  readonly #arrivals = new Arrivals();
  readonly #pages: Pages;
  readonly posted = new Set<string>();
  /** Connections to which a post failed since the last commit. */
  readonly doubted = new Set<string>();
  #state: State = emptyState('');
  #standings: ReadonlyMap<number, Standing> = new Map();
  /** Where every message came from: the batch's key and the index in it. */
  readonly #origins = new Map<number, string>();
  #needed = new Set<string>();
  readonly #flown = new Set<number>();
  readonly #takeovers = new Set<string>();
  /** Nonces that a master named for the one after it. */
  readonly #successors = new Set<string>();
  head: Head | undefined;

  constructor(witness: Witness, name: string) {
    this.#witness = witness;
    this.name = name;
    this.#pages = new Pages(witness.store, name);
  }

  get isQuiet(): boolean {
    return !this.head || (this.#standings.size === 0 && this.head.inbox.length === 0 && !this.head.lease);
  }

  hasConsumerOf(connection: string): boolean {
    return this.#state.consumers.some((consumer) => consumer.connection === connection);
  }

  /** What is left in it, for people. */
  describe(): string {
    return `${this.name}: ${this.#standings.size} messages, ${showHead(this.head)}`;
  }

  appended(append: Append, head: Head): void {
    const { inboxEntries } = this.#witness.limits;
    this.head = head;
    this.#arrivals.add(append);
    const isBounded = append.entries.length === 0 || head.inbox.length < inboxEntries + append.entries.length;
    must(isBounded, 'the inbox is bounded', this.name);
    must(head.due > 0, 'what was appended to is due for the sweep', this.name);
  }

  stolen(actor: Actor, before: Head | undefined, after: Head): void {
    this.head = after;
    const { lease } = before ?? {};
    const isHandedOver = lease !== undefined && this.#successors.has(lease.nonce);
    if (isHandedOver && this.#witness.now() <= lease.until) return;
    if (after.lease) this.#takeovers.add(after.lease.nonce);
    this.#witness.history.holders.takenOver(queueOf(this.name));
    if (actor.options.epoch !== '') return;
    must(lease !== undefined && this.#witness.now() > lease.until, 'a living lease is not stolen', lease, actor.name);
  }

  async settled({ options }: Actor, head: Head | undefined): Promise<void> {
    const hasWork = this.#canDeliver(options.epoch) && !(await this.#hasWakeUp(Number.POSITIVE_INFINITY));
    const isIdle = !head || (!head.lease && head.inbox.length === 0 && !hasWork);
    must(isIdle, 'the sweep crosses off only what is idle', this.name, head?.lease, head?.inbox.length);
    this.head = head;
  }

  expired(key: string): void {
    const isNeeded = this.#needed.has(key) || this.#arrivals.isWaitingFor(key);
    must(!isNeeded, 'no body and no page goes that is needed', this.name, key);
  }

  async committed(actor: Actor, commit: Commit, before: Head | undefined, after: Head): Promise<void> {
    const { nonce } = commit;
    must(before?.lease?.nonce === nonce, 'only the holder of the lease commits', this.name, nonce, before?.lease);
    this.head = after;
    if (commit.state === before.state && commit.lease) this.#successors.add(commit.lease.nonce);
    if (commit.state !== before.state) await this.#change(commit, before);
    if (!after.lease) await this.#checkRelease(actor.options.epoch, after);
  }

  async #change(commit: Commit, before: Head): Promise<void> {
    const state = decodeState(commit.state);
    const was = this.#state;
    await this.#pages.read(state.references);
    const standings = standingsOf(state, this.#pages.of);
    const absorbed = before.inbox.slice(0, commit.absorbed).map(decodeEntry);
    const { repeats, purged } = this.#arrive(state, standings, absorbed);
    checkCounts(this.name, state, standings.size);
    checkBounds(this.name, state, commit.state.byteLength, this.#witness.limits);
    this.#checkEnds(was, state, standings, purged);
    const isTakeover = this.#takeovers.delete(commit.nonce);
    // An audience has room for everything.
    if (!isTopic(this.name)) this.#checkFlags(was, standings, absorbed, repeats, isTakeover);
    this.#checkBodies(state, standings);
    this.#noteDeliveries(state, standings, isTakeover);
    this.doubted.clear();
    this.#state = state;
    this.#standings = standings;
  }

  #checkFlags(
    was: State,
    standings: ReadonlyMap<number, Standing>,
    absorbed: readonly Entry[],
    repeats: ReadonlySet<number>,
    isTakeover: boolean,
  ): void {
    checkFlags({
      shard: this.name,
      was,
      standings,
      absorbed,
      isTakeover,
      doubted: this.doubted,
      prefetchMax: this.#witness.limits.prefetchMax,
      mayExpire: (key) => this.#arrivals.mayExpire(key),
      isKnown: (sequence, { key, index }) => {
        const isOld = this.#standings.get(sequence)?.redelivered || repeats.has(sequence) || this.#flown.has(sequence);
        return isOld || this.posted.has(`${key}-${index}`);
      },
    });
  }

  /** Entries are taken in their order, each once. */
  #arrive(state: State, standings: ReadonlyMap<number, Standing>, absorbed: readonly Entry[]) {
    const { placed, purgedBefore } = this.#arrivals.absorb(absorbed, this.#state.next, state.next, (sequence) => {
      const standing = standings.get(sequence);
      return standing && `${standing.key}-${standing.index}`;
    });
    for (const { sequence, origin } of placed) {
      const standing = standings.get(sequence);
      const isSame = !standing || `${standing.key}-${standing.index}` === origin;
      must(isSame, 'messages get their numbers in the order of the inbox', this.name, sequence, origin, standing);
      this.#origins.set(sequence, origin);
    }
    const repeats = new Set(placed.filter(({ isDoubtful }) => isDoubtful).map(({ sequence }) => sequence));
    // Those in flight stay with their consumers.
    const purged = (sequence: number) => sequence < purgedBefore && !this.#standings.get(sequence)?.consumer;
    return { repeats, purged };
  }

  /** A message goes for a reason, and never comes back. */
  #checkEnds(
    was: State,
    state: State,
    standings: ReadonlyMap<number, Standing>,
    purged: (sequence: number) => boolean,
  ): void {
    for (const sequence of standings.keys()) {
      const isNew = sequence >= was.next || this.#standings.has(sequence);
      must(isNew, 'what is done stays done', this.name, sequence);
    }
    const fresh = Array.from({ length: state.next - was.next }, (_, i) => was.next + i);
    for (const sequence of [...this.#standings.keys(), ...fresh]) {
      if (standings.has(sequence) || purged(sequence)) continue;
      const isRight = this.#mayEnd(state.incarnation, sequence);
      must(isRight, 'a message ends for a reason', this.name, sequence, this.#origins.get(sequence));
    }
  }

  #mayEnd(incarnation: string, sequence: number): boolean {
    // Whoever should have it tells, at the other end.
    if (isTopic(this.name)) return true;
    const origin = this.#origins.get(sequence) ?? '';
    const queue = queueOf(this.name);
    if (this.#witness.history.sent.mayEnd(queue, origin)) return true;
    if (this.#arrivals.isTransient(origin)) return true;
    const expires = this.#arrivals.expiryOf(origin);
    if (expires > 0 && expires <= this.#witness.now() + this.#witness.limits.skewMs) return true;
    if (!hasDeadLetters(this.name)) return false;
    const deadLetters = this.#witness.shard(`/queue/${deadLetterQueueOf(queue)}`);
    return deadLetters.#arrivals.hasForward(`${incarnation} ${queue}`, sequence);
  }

  #checkBodies(state: State, standings: ReadonlyMap<number, Standing>): void {
    this.#needed = new Set([...standings.values()].map(({ key }) => key));
    for (const key of this.#pages.keys(state.references)) this.#needed.add(key);
    for (const key of [...this.#needed, ...this.#arrivals.waiting]) {
      must(this.#witness.store.holds(this.name, key), 'what is named exists', this.name, key);
    }
  }

  #noteDeliveries(
    { flights, returned, consumers }: State,
    standings: ReadonlyMap<number, Standing>,
    isTakeover: boolean,
  ): void {
    const { history } = this.#witness;
    const queue = queueOf(this.name);
    const pulls = new Set(consumers.filter(({ connection }) => connection === '').map(({ number }) => number));
    for (const range of flights) {
      for (let sequence = range.first; sequence < endOf(range); sequence++) {
        this.#flown.add(sequence);
        const isNew = this.#standings.get(sequence)?.consumer !== range.consumer;
        const { key, index } = standings.get(sequence) as Standing;
        if (isNew && pulls.has(range.consumer)) {
          history.sightings.give(queue, `${key}-${index}`, range.attempt, range.redelivered);
        }
        // What a dead master had not pushed yet comes after what it had, and bears no flag.
        if (isNew && isTakeover && range.transient) history.order.displace(queue, `${key}-${index}`);
      }
    }
    for (const range of returned) {
      for (let s = range.first; s < endOf(range); s++) history.order.displace(queue, this.#origins.get(s) ?? '');
    }
  }

  #canDeliver(epoch: string): boolean {
    return isTopic(this.name) ? readyCount(this.#state) > 0 : canDeliver(this.#state, this.#witness.limits, epoch);
  }

  /** A wake-up is put down, at this minute or before: the sweep will find it. */
  async #hasWakeUp(minute: number): Promise<boolean> {
    const dues = await this.#witness.store.due(minute, Number.POSITIVE_INFINITY);
    return dues.some(({ shard, kind }) => shard === this.name && kind === 'wake');
  }

  /** Who rang waits for no one: a lease is given up only when all that was announced is done. */
  async #checkRelease(epoch: string, after: Head): Promise<void> {
    must(!this.#arrivals.isUnheard(after), 'a release loses no ring', this.name, after.inbox.length);
    const soon = minuteOf(this.#witness.now() + this.#witness.limits.skewMs + RETRY_MS) + 1;
    const isCovered = !this.#canDeliver(epoch) || (await this.#hasWakeUp(soon));
    must(isCovered, 'what can go has a master or a wake-up', this.name);
  }
}
