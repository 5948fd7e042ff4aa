import { hasDeadLetters, queueOf } from '../../../lib/broker/shards.ts';
import { deadLetterQueueOf } from '../../../lib/model/destination.ts';
import { readyCount, total } from '../../../lib/shard/draft.ts';
import { decodeEntry, type Entry } from '../../../lib/shard/entry.ts';
import { decodePage, endOf, type Reference } from '../../../lib/shard/reference.ts';
import { emptyState, type State } from '../../../lib/shard/state.ts';
import { decodeState } from '../../../lib/shard/state-codec.ts';
import type { Append, Commit, Head } from '../../../lib/store/port.ts';
import { type Standing, standingsOf } from '../../property/shard-ledger.ts';
import { showHead } from '../story.ts';
import { Arrivals } from './arrivals.ts';
import { must } from './violation.ts';
import type { Actor, Witness } from './witness.ts';

const STATE_BYTES_MAX = 8192;

/** One shard, as all who wrote to it left it: what must hold after each write. */
export class ShardCheck {
  readonly name: string;
  readonly #witness: Witness;
  readonly #arrivals = new Arrivals();
  readonly posted = new Set<string>();
  /** A post failed since the last commit. */
  isDoubted = false;
  readonly #pages = new Map<string, readonly Reference[]>();
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
  }

  get isQuiet(): boolean {
    return !this.head || (this.#standings.size === 0 && this.head.inbox.length === 0 && !this.head.lease);
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
    this.#witness.history.takenOver(queueOf(this.name));
    if (actor.options.epoch !== '') return;
    must(lease !== undefined && this.#witness.now() > lease.until, 'a living lease is not stolen', lease, actor.name);
  }

  async settled({ options }: Actor, head: Head | undefined): Promise<void> {
    const hasWork = canDeliver(this.#state, this.#witness, options.epoch) && !(await this.#hasWakeUp());
    const isIdle = !head || (!head.lease && head.inbox.length === 0 && !hasWork);
    must(isIdle, 'the sweep crosses off only what is idle', this.name, head?.lease, head?.inbox.length);
    this.head = head;
  }

  removed(key: string): void {
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
    await this.#readPages(state.references);
    const standings = standingsOf(state, (key) => this.#pages.get(key) ?? []);
    const absorbed = before.inbox.slice(0, commit.absorbed).map(decodeEntry);
    const flagged = this.#arrive(state, standings, absorbed);
    this.#checkCounts(state, standings);
    this.#checkEnds(was, state, standings);
    this.#checkFlags(was, standings, flagged, absorbed, this.#takeovers.delete(commit.nonce));
    this.#checkBounds(state, commit);
    this.#checkBodies(state, standings);
    this.#notePasts(state);
    this.isDoubted = false;
    this.#state = state;
    this.#standings = standings;
  }

  async #readPages(references: readonly Reference[]): Promise<void> {
    const unread = references.filter(({ level, key }) => level > 0 && !this.#pages.has(key)).map(({ key }) => key);
    if (unread.length > 0) {
      const found = await this.#witness.store.getBlobs(this.name, unread);
      for (const key of unread) {
        const bytes = found.get(key);
        must(bytes !== undefined, 'a page that is named is there', this.name, key);
        this.#pages.set(key, decodePage(key, bytes));
      }
    }
    for (const { level, key } of references) if (level > 0) await this.#readPages(this.#pages.get(key) ?? []);
  }

  /** Entries are taken in their order, each once. @returns messages that may be second copies */
  #arrive(state: State, standings: ReadonlyMap<number, Standing>, absorbed: readonly Entry[]): ReadonlySet<number> {
    const placed = this.#arrivals.absorb(absorbed, this.#state.next, state.next, (sequence) => {
      const standing = standings.get(sequence);
      return standing && `${standing.key}-${standing.index}`;
    });
    for (const { sequence, origin } of placed) {
      const standing = standings.get(sequence);
      const isSame = !standing || `${standing.key}-${standing.index}` === origin;
      must(isSame, 'messages get their numbers in the order of the inbox', this.name, sequence, origin, standing);
      this.#origins.set(sequence, origin);
    }
    return new Set(placed.filter(({ isDoubtful }) => isDoubtful).map(({ sequence }) => sequence));
  }

  #checkCounts({ counts, flights, next, ...state }: State, standings: ReadonlyMap<number, Standing>): void {
    const { sent, acknowledged, deadLettered, expired, purged, dropped } = counts;
    const done = acknowledged + deadLettered + expired + purged + dropped;
    const live = readyCount({ ...state, next }) + total(flights);
    must(sent === live + done && sent === next - 1, 'what was sent is accounted for', this.name, counts, live, next);
    must(standings.size === live, 'what stands is ready or in flight', this.name, standings.size, live);
  }

  /** A message goes for a reason, and never comes back. */
  #checkEnds(was: State, state: State, standings: ReadonlyMap<number, Standing>): void {
    for (const sequence of standings.keys()) {
      const isNew = sequence >= was.next || this.#standings.has(sequence);
      must(isNew, 'what is done stays done', this.name, sequence);
    }
    const fresh = Array.from({ length: state.next - was.next }, (_, i) => was.next + i);
    for (const sequence of [...this.#standings.keys(), ...fresh]) {
      if (standings.has(sequence)) continue;
      must(this.#mayEnd(sequence), 'a message ends for a reason', this.name, sequence, this.#origins.get(sequence));
    }
  }

  #mayEnd(sequence: number): boolean {
    const origin = this.#origins.get(sequence) ?? '';
    const queue = queueOf(this.name);
    if (this.#witness.history.mayEnd(queue, origin)) return true;
    if (this.#arrivals.isTransient(origin)) return true;
    const expires = this.#arrivals.expiryOf(origin);
    if (expires > 0 && expires <= this.#witness.now() + this.#witness.limits.skewMs) return true;
    if (!hasDeadLetters(this.name)) return false;
    return this.#witness.shard(`/queue/${deadLetterQueueOf(queue)}`).#arrivals.hasForward(queue, sequence);
  }

  /** What nobody can have had is not flagged: a dead master pushed no more than its consumers had room for. */
  #checkFlags(
    was: State,
    standings: ReadonlyMap<number, Standing>,
    repeats: ReadonlySet<number>,
    absorbed: readonly Entry[],
    isTakeover: boolean,
  ): void {
    let suspects = 0;
    for (const [sequence, { redelivered, key, index }] of standings) {
      const before = this.#standings.get(sequence);
      if (!redelivered || before?.redelivered || repeats.has(sequence) || this.#flown.has(sequence)) continue;
      if (this.posted.has(`${key}-${index}`)) continue;
      // A delivery of several posts is doubted as a whole.
      must(isTakeover || this.isDoubted, 'what nobody can have had is not flagged', this.name, sequence);
      suspects++;
    }
    const joined = absorbed.filter((entry) => entry.kind === 'join');
    let room = [...was.consumers, ...joined].reduce((sum, { prefetch }) => sum + prefetch, 0);
    for (const entry of absorbed) {
      if ('deliveries' in entry) room += total(entry.deliveries);
      else if (entry.kind === 'receive') room += entry.max;
      else if (entry.kind.endsWith('-up-to')) room += this.#witness.limits.prefetchMax;
      else if (entry.kind === 'send')
        room += entry.runs.reduce((sum, run) => sum + (run.expires > 0 ? run.count : 0), 0);
    }
    // Where something may have expired, a whole batch is passed over.
    const origins = [...this.#standings.values()];
    const expiring = new Set(
      origins.filter((s) => this.#arrivals.expiryOf(`${s.key}-${s.index}`) > 0).map((s) => s.key),
    );
    room += origins.filter(({ key }) => expiring.has(key)).length;
    must(
      suspects <= room || this.isDoubted,
      'a takeover suspects no more than there was room for',
      this.name,
      suspects,
      room,
    );
  }

  #checkBounds(state: State, { state: { byteLength } }: Commit): void {
    const { limits } = this.#witness;
    for (const consumer of state.consumers) {
      const mine = total(state.flights.filter((flight) => flight.consumer === consumer.number));
      must(mine <= consumer.prefetch, 'in flight never exceeds prefetch', this.name, consumer, mine);
    }
    must(total(state.flights) <= limits.inFlightPerShard, 'a shard holds so many in flight and no more', this.name);
    must(byteLength <= STATE_BYTES_MAX, 'the state is bounded', this.name, byteLength);
    let run = 0;
    state.references.forEach(({ level }, i) => {
      run = i > 2 && level === state.references[i - 1]?.level ? run + 1 : 1;
      must(i < 2 || run <= limits.referencesPerLevel, 'references of one level roll up', this.name, run);
    });
  }

  #checkBodies(state: State, standings: ReadonlyMap<number, Standing>): void {
    this.#needed = new Set([...standings.values()].map(({ key }) => key));
    this.#addPages(state.references);
    for (const key of [...this.#needed, ...this.#arrivals.waiting]) {
      must(this.#witness.store.holds(this.name, key), 'what is named exists', this.name, key);
    }
  }

  #addPages(references: readonly Reference[]): void {
    for (const { level, key } of references) {
      if (level === 0) continue;
      this.#needed.add(key);
      this.#addPages(this.#pages.get(key) ?? []);
    }
  }

  #notePasts({ flights, returned }: State): void {
    for (const range of flights) for (let s = range.first; s < endOf(range); s++) this.#flown.add(s);
    for (const range of returned) {
      for (let s = range.first; s < endOf(range); s++) {
        this.#witness.history.displaced(queueOf(this.name), this.#origins.get(s) ?? '');
      }
    }
  }

  /** A wake-up is put down: the sweep will find it. */
  async #hasWakeUp(): Promise<boolean> {
    const dues = await this.#witness.store.due(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    return dues.some(({ shard, kind }) => shard === this.name && kind === 'wake');
  }

  /** Who rang waits for no one: a lease is given up only when all that was announced is done. */
  async #checkRelease(epoch: string, after: Head): Promise<void> {
    must(!this.#arrivals.isUnheard(after), 'a release loses no ring', this.name, after.inbox.length);
    const hasWork = canDeliver(this.#state, this.#witness, epoch);
    must(!hasWork || (await this.#hasWakeUp()), 'what can go has a master or a wake-up', this.name);
  }
}

/** Some message is ready, and some consumer that is not of an earlier process has room for it. */
function canDeliver(state: State, { limits }: Witness, epoch: string): boolean {
  if (readyCount(state) === 0 || total(state.flights) >= limits.inFlightPerShard) return false;
  return state.consumers.some(({ connection, number, prefetch }) => {
    if (connection === '' || !connection.startsWith(epoch)) return false;
    return total(state.flights.filter((flight) => flight.consumer === number)) < prefetch;
  });
}
