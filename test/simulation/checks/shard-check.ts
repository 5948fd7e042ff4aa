import { hasDeadLetters, isTopic, queueOf } from '../../../lib/broker/shards.ts';
import { deadLetterQueueOf } from '../../../lib/model/destination.ts';
import { decodeEntry, type Entry } from '../../../lib/shard/codec/entry.ts';
import { decodeState } from '../../../lib/shard/codec/state-codec.ts';
import { decodeToken } from '../../../lib/shard/codec/token.ts';
import { minuteOf } from '../../../lib/shard/conclude/wake-up.ts';
import { readyCount } from '../../../lib/shard/state/draft.ts';
import { endOf } from '../../../lib/shard/state/ranges.ts';
import { emptyState, type State } from '../../../lib/shard/state/state.ts';
import type { Append, Commit, Head } from '../../../lib/store/port.ts';
import { type Standing, standingsOf } from '../../property/shard-ledger.ts';
import { showHead } from '../story.ts';
import { Arrivals } from './arrivals.ts';
import { checkFlags } from './flags.ts';
import { Pages } from './pages.ts';
import { checkRejected } from './rejections.ts';
import { checkAcknowledged, checkFailures, checkGivenBack, checkTransactions, isCommitted } from './settlements.ts';
import { canDeliver, checkBounds, checkCounts } from './shard-state.ts';
import { must } from './violation.ts';
import type { Actor, Witness } from './witness.ts';

/** What a push gave back is tried again within this time. */
const RETRY_MS = 1000;
/** The consumer of what is with none. */
const NOBODY = 0;
/** What an item has besides its messages. */
const ENVELOPE_BYTES = 64;

/** One shard, as all who wrote to it left it: what must hold after each write. */
export class ShardCheck {
  readonly name: string;
  readonly #witness: Witness;
  readonly #arrivals: Arrivals;
  readonly #pages: Pages;
  readonly posted = new Set<string>();
  /** Deliveries that were posted, by the incarnation, the sequence and the attempt. */
  readonly #posted = new Set<string>();
  /** Connections to which a post failed since the last commit. */
  readonly doubted = new Set<string>();
  #state: State = emptyState('');
  #standings: ReadonlyMap<number, Standing> = new Map();
  /** Where every message came from: the batch's key and the index in it. */
  readonly #origins = new Map<number, string>();
  #needed = new Set<string>();
  #hadCopies = false;
  readonly #flown = new Set<number>();
  readonly #takeovers = new Set<string>();
  /** Nonces that a master named for the one after it, or passed on as its own before it did anything. */
  readonly #successors = new Set<string>();
  head: Head | undefined;
  /** The lease that was granted last: until when by the world's clock, and whether by one that was far off. */
  #lease:
    | { readonly nonce: string; readonly until: number; readonly isAstray: boolean; readonly holder: string }
    | undefined;
  /** Who lost a living lease to one whose clock was far off, and does not know it yet. */
  readonly #robbed = new Set<string>();

  constructor(witness: Witness, name: string) {
    this.#witness = witness;
    this.name = name;
    this.#arrivals = new Arrivals(witness.everAt(name));
    this.#pages = new Pages(witness.store, name);
  }

  get isQuiet(): boolean {
    const isEmpty = this.#standings.size === 0 && this.#state.onward.length === 0;
    return !this.head || (isEmpty && this.head.inbox.length === 0 && !this.head.lease);
  }

  /** Of a batch that may have been referred to twice nobody can tell whether it is needed still. */
  checkLeftovers(): void {
    const { store } = this.#witness;
    if (store.bodiesExpire || this.#hadCopies || this.#state.litter.length > 0) return;
    const left = store.keysOf(this.name);
    must(left.length === 0, 'no body is left that nothing needs', this.name, left);
  }

  hasConsumerOf(connection: string): boolean {
    return this.#state.consumers.some((consumer) => consumer.connection === connection);
  }

  /** What is left in it, for people. */
  describe(): string {
    return `${this.name}: ${this.#standings.size} messages, ${showHead(this.head)}`;
  }

  /** How many pulls were put into the inbox. */
  get pulls(): number {
    return this.#arrivals.pulls;
  }

  appended(actor: Actor, append: Append, head: Head): void {
    const { inboxEntries, batchBytes } = this.#witness.limits;
    this.head = head;
    this.#noteLease(actor, head);
    this.#arrivals.add(append);
    const isBounded = append.entries.length === 0 || head.inbox.length < inboxEntries + append.entries.length;
    must(isBounded, 'the inbox is bounded', this.name);
    must(head.due > 0, 'what was appended to is due for the sweep', this.name);
    const largest = Math.max(0, ...append.blobs.map(({ bytes }) => bytes.byteLength));
    must(largest <= batchBytes + ENVELOPE_BYTES, 'an item is no larger than it may be', this.name, largest);
  }

  /** @param token undefined where the consumer is to acknowledge nothing */
  posting(messageId: string, token: string | undefined): void {
    this.posted.add(messageId);
    if (token === undefined) return;
    const { sequence, attempt, ...named } = decodeToken(token);
    this.#posted.add(numberOf(named, sequence, attempt));
  }

  /** Whether it may take itself for the master, and is not: another one gives the same messages out again. */
  isRobbed({ name }: Actor): boolean {
    return this.#robbed.has(name);
  }

  passedOn(nonce: string): void {
    this.#successors.add(nonce);
  }

  stolen(actor: Actor, before: Head | undefined, after: Head): void {
    this.head = after;
    const { lease } = before ?? {};
    const granted = this.#lease;
    this.#noteLease(actor, after);
    const isOver = lease?.nonce === granted?.nonce && this.#witness.now() > (granted?.until ?? 0);
    if (granted && lease?.nonce === granted.nonce && !isOver && actor.isAstray) this.#robbed.add(granted.holder);
    const isHandedOver = lease !== undefined && this.#successors.has(lease.nonce);
    const isExcused = actor.isAstray || granted?.isAstray === true;
    if (isHandedOver && !isOver && !isExcused) return;
    if (after.lease) this.#takeovers.add(after.lease.nonce);
    this.#witness.history.holders.takenOver(queueOf(this.name));
    if (actor.options.epoch !== '') return;
    must(lease !== undefined && (isOver || isExcused), 'a living lease is not stolen', lease, actor.name);
  }

  #noteLease(actor: Actor, { lease }: Head): void {
    if (!lease || lease.nonce === this.#lease?.nonce) return;
    const { name: holder, isAstray, offsetMs } = actor;
    this.#lease = { nonce: lease.nonce, until: lease.until - offsetMs, isAstray, holder };
    this.#robbed.delete(holder);
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
    this.#noteLease(actor, after);
    if (commit.state === before.state && commit.lease) this.#successors.add(commit.lease.nonce);
    // Who gives up a shard before its first commit writes down its name alone.
    const isNamed = before.state === undefined && commit.absorbed === 0;
    const isChanged = commit.state !== before.state && !isNamed;
    if (isChanged) await this.#change(commit, before);
    if (after.lease) return;
    if (isChanged) await this.#checkRelease(actor.options.epoch, after);
    else must(after.due > 0, 'what is let go undone is due for the sweep', this.name);
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
    const posted = (sequence: number, attempt: number) => this.#posted.has(numberOf(state, sequence, attempt));
    const settling = { shard: this.name, was, state, before: this.#standings, after: standings, absorbed };
    checkAcknowledged({ ...settling, wasPosted: posted });
    checkFailures(settling);
    checkTransactions(settling);
    const { limits, skewMs } = this.#witness;
    const now = this.#witness.now() + skewMs;
    checkGivenBack({ ...settling, isTakeover, now });
    const hasDeadLetter = !isTopic(this.name) && hasDeadLetters(this.name);
    checkRejected({
      ...settling,
      isTakeover,
      now: isTakeover ? now + limits.skewMs : now,
      hasDeadLetters: hasDeadLetter,
    });
    this.#checkBodies(state, standings);
    this.#noteDeliveries(state, standings, isTakeover);
    this.doubted.clear();
    this.#state = state;
    this.#hadCopies ||= state.copies.length > 0;
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
    const originAt = (sequence: number) => {
      const standing = standings.get(sequence);
      return standing && `${standing.key}-${standing.index}`;
    };
    const decided = (entry: Entry) => isCommitted(entry, state);
    const { placed, purgedBefore } = this.#arrivals.absorb(absorbed, decided, this.#state.next, state.next, originAt);
    for (const { sequence, origin, isTakenAgain } of placed) {
      const standing = standings.get(sequence);
      const isSame = !standing || `${standing.key}-${standing.index}` === origin;
      must(isSame, 'messages get their numbers in the order of the inbox', this.name, sequence, origin, standing);
      this.#origins.set(sequence, origin);
      const isTold = !isTakenAgain || standing?.redelivered !== false;
      must(isTold, 'a forward that is taken again says so', this.name, sequence, origin);
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
      const isRight = this.#mayEnd(sequence);
      must(isRight, 'a message ends for a reason', this.name, sequence, this.#origins.get(sequence));
    }
  }

  #mayEnd(sequence: number): boolean {
    // Whoever should have it tells, at the other end.
    if (isTopic(this.name)) return true;
    const origin = this.#origins.get(sequence) ?? '';
    const queue = queueOf(this.name);
    if (this.#witness.history.sent.mayEnd(queue, origin)) return true;
    if (this.#arrivals.isTransient(origin)) return true;
    const expires = this.#arrivals.expiryOf(origin);
    if (expires > 0 && expires <= this.#witness.now() + this.#witness.skewMs) return true;
    if (!hasDeadLetters(this.name)) return false;
    const deadLetters = this.#witness.shard(`/queue/${deadLetterQueueOf(queue)}`);
    return deadLetters.#arrivals.hasForward(this.name, origin);
  }

  #checkBodies(state: State, standings: ReadonlyMap<number, Standing>): void {
    this.#needed = new Set([...standings.values()].map(({ key }) => key));
    for (const key of this.#pages.keys(state.references)) this.#needed.add(key);
    for (const { key } of state.onward) this.#needed.add(key);
    for (const key of [...this.#needed, ...this.#arrivals.waiting]) {
      must(this.#witness.store.holds(this.name, key), 'what is named exists', this.name, key);
    }
  }

  #noteDeliveries(
    { flights, returned, outgoing, consumers, onward, incarnation }: State,
    standings: ReadonlyMap<number, Standing>,
    isTakeover: boolean,
  ): void {
    const { history } = this.#witness;
    const queue = queueOf(this.name);
    const pulls = new Set(consumers.filter(({ connection }) => connection === '').map(({ number }) => number));
    const given: number[] = [];
    for (const range of flights) {
      for (let sequence = range.first; sequence < endOf(range); sequence++) {
        this.#flown.add(sequence);
        const before = this.#standings.get(sequence)?.consumer ?? NOBODY;
        const isNew = before !== range.consumer;
        const { key, index } = standings.get(sequence) as Standing;
        // An answer left open whether its consumer is through with it: it comes back, or came back at once. Or there was
        // no time left for a post, and nobody knows of those before it.
        const isDoubted = range.deadline > 0 && !pulls.has(range.consumer);
        if (isDoubted || range.arrived || range.unanswered) history.holders.recalled(`${queue} ${key}-${index}`);
        if (isNew) given.push(this.#arrivals.bodyBytesOf(`${key}-${index}`));
        if (isNew && pulls.has(range.consumer)) {
          const now = this.#witness.now();
          history.sightings.give(queue, `${key}-${index}`, range.attempt, range.redelivered, now);
        }
        // What a dead master had not pushed yet comes after what it had, and bears no flag; nor need what one turn took
        // from one and gave to another.
        const wasTaken = before !== NOBODY || (isTakeover && range.transient);
        if (isNew && wasTaken) history.order.displace(queue, `${key}-${index}`);
      }
    }
    const givenBytes = given.reduce((sum, bytes) => sum + bytes, 0);
    const isBounded = given.length <= 1 || givenBytes <= this.#witness.limits.turnBytes;
    must(isBounded, 'a turn gives out so many octets and no more', this.name, given);
    for (const { number, count } of onward) {
      const source = `${incarnation} ${this.name} |`;
      for (let i = 0; i < count; i++) this.#witness.outgoing.add(`${source} ${number + i}`);
    }
    for (const range of outgoing) {
      for (let s = range.first; s < endOf(range); s++)
        this.#witness.outgoing.add(`${this.name} ${this.#origins.get(s)}`);
    }
    for (const range of returned) {
      for (let s = range.first; s < endOf(range); s++) {
        history.order.displace(queue, this.#origins.get(s) ?? '');
        if (range.unanswered) history.holders.recalled(`${queue} ${this.#origins.get(s)}`);
      }
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

  /**
   * The sweep comes by. Where clocks are far off, one that was ahead may have taken away the wake-up on which the state
   * counts: then the ring brings it, which goes only with what there is to do.
   */
  async #isSwept(minute: number): Promise<boolean> {
    if (await this.#hasWakeUp(minute)) return true;
    const { store, areClocksFarOff } = this.#witness;
    if (!areClocksFarOff) return false;
    const dues = await store.due(minute, Number.POSITIVE_INFINITY);
    return dues.some(({ shard }) => shard === this.name);
  }

  /** What transactions sent on was refused, and is tried again in time. */
  async #checkOnward(): Promise<void> {
    const { onward, onwardRetries } = this.#state;
    for (const target of new Set(onward.map((sent) => sent.target))) {
      const retry = onwardRetries.find((one) => one.target === target);
      must(retry !== undefined && retry.at > 0, 'what was sent on and not refused has a master', this.name, target);
      const again = minuteOf(Math.max(retry.at, this.#witness.now()) + this.#witness.skewMs) + 1;
      must(await this.#isSwept(again), 'what was refused has a wake-up', this.name, retry);
    }
  }

  /** Who rang waits for no one: a lease is given up only when all that was announced is done. */
  async #checkRelease(epoch: string, after: Head): Promise<void> {
    must(!this.#arrivals.isUnheard(after), 'a release loses no ring', this.name, after.inbox.length);
    const soon = minuteOf(this.#witness.now() + this.#witness.skewMs + RETRY_MS) + 1;
    const isCovered = !this.#canDeliver(epoch) || (await this.#isSwept(soon));
    must(isCovered, 'what can go has a master or a wake-up', this.name);
    const { outgoing, delayed, forwardRetry } = this.#state;
    const [soonest] = delayed;
    const inTime = minuteOf(Math.max(soonest?.until ?? 0, this.#witness.now()) + this.#witness.skewMs) + 1;
    must(!soonest || (await this.#isSwept(inTime)), 'what is delayed has a wake-up', this.name, soonest);
    await this.#checkOnward();
    if (outgoing.length === 0) return;
    must(forwardRetry !== undefined, 'what is outgoing and was not refused has a master', this.name, outgoing);
    const again = minuteOf(Math.max(forwardRetry.at, this.#witness.now()) + this.#witness.skewMs) + 1;
    must(await this.#isSwept(again), 'what was refused has a wake-up', this.name, forwardRetry);
  }
}

function numberOf({ incarnation }: Pick<State, 'incarnation'>, sequence: number, attempt: number): string {
  return `${incarnation} ${sequence} ${attempt}`;
}
