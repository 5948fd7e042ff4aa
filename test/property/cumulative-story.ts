import type { Entry } from '../../lib/shard/codec/entry.ts';
import { decodeState, encodeState } from '../../lib/shard/codec/state-codec.ts';
import type { PushOutcome } from '../../lib/shard/conclude/conclude.ts';
import type { PlannedDelivery } from '../../lib/shard/plan/deal.ts';
import { decodePage } from '../../lib/shard/state/reference.ts';
import { finishTurn } from '../../lib/shard/turn.ts';
import { NOW, OneShard } from '../unit/shard/one-shard.ts';

const UNKNOWN_POST_MS = 1000;

/** How a turn's pushes end: `arrives` of the messages do, from the first on; a master that dies commits nothing more. */
export type Ending = { readonly kind: 'sent' | 'unknown' | 'unsent' | 'dies'; readonly arrives: number };

export type Command =
  | { readonly kind: 'send'; readonly count: number; readonly transient: boolean }
  /** A send is repeated; and so much comes in between that it may be known no more. */
  | { readonly kind: 'repeat'; readonly which: number }
  | { readonly kind: 'noise' }
  | { readonly kind: 'join'; readonly prefetch: number }
  | { readonly kind: 'leave'; readonly who: number; readonly isLost: boolean }
  /** Somebody else gets messages, and says nothing of them until then. */
  | { readonly kind: 'pull'; readonly max: number; readonly ms: number }
  /** It speaks of the delivery so many before its last one. */
  | {
      readonly kind: 'acknowledge' | 'reject';
      readonly who: number;
      readonly back: number;
      readonly attempts: Attempts;
    }
  | { readonly kind: 'pass'; readonly ms: number }
  /** @property late bit by bit, what of that which is under way comes later */
  | { readonly kind: 'turn'; readonly late: number; readonly ending: Ending };

/** Which of the attempts at an answer get there. */
export type Attempts = 'first' | 'second' | 'both';

/** `got` are sequences, in the order in which they came. */
type Client = {
  readonly id: string;
  readonly prefetch: number;
  readonly got: number[];
  /** Whether it rejected what it got there, and whether it acknowledged it. */
  readonly answers: ('rejected' | 'acknowledged' | undefined)[];
  /** How many it had got when it answered last. */
  answered: number;
  isGone: boolean;
};

type Place = { readonly key: string; readonly index: number };

/** Requests that make those before them forgotten. */
const NOISE = 17;

/** Consumers that acknowledge by message id all that they have had, and what they mean by that. */
export class CumulativeStory {
  readonly #shard = new OneShard({ unknownPostMs: UNKNOWN_POST_MS, deliveries: 1000, referencesPerLevel: 3 });
  readonly #clients: Client[] = [];
  /** What each of a client comes in its order; then what it rejected is not meant by what it says later. */
  readonly #isInOrder: boolean;
  readonly #sends: Entry[] = [];
  readonly #transient = new Set<number>();
  /** Where the body of each message lies, by its sequence. */
  readonly #places = new Map<number, Place>();
  readonly #meant = new Map<string, readonly number[]>();
  /** Messages by where their bodies lie: of one that came twice, either is done. */
  readonly #acknowledged = new Set<string>();
  readonly #seen = new Set<number>();
  #underWay: Entry[] = [];
  #now = NOW;
  #isTakeover = false;

  constructor(isInOrder: boolean) {
    this.#isInOrder = isInOrder;
    this.act({ kind: 'join', prefetch: 2 });
  }

  act(command: Command): void {
    switch (command.kind) {
      case 'send':
        this.#send(command.count, command.transient);
        return;
      case 'repeat': {
        const entry = this.#sends[command.which % this.#sends.length];
        if (entry) this.#underWay.push({ ...entry, attempt: 2 });
        return;
      }
      case 'noise': {
        const nothing = { kind: 'receive', max: 0, deadline: this.#now } as const;
        for (let n = 0; n < NOISE; n++) this.#underWay.push(this.#shard.entry(nothing));
        return;
      }
      case 'join': {
        const join = this.#shard.join('client', command.prefetch);
        this.#clients.push({
          id: join.id,
          prefetch: command.prefetch,
          got: [],
          answers: [],
          answered: 0,
          isGone: false,
        });
        this.#underWay.push(join);
        return;
      }
      case 'leave':
        this.#leave(command.who, command.isLost);
        return;
      case 'pull':
        this.#underWay.push(this.#shard.entry({ kind: 'receive', max: command.max, deadline: this.#now + command.ms }));
        return;
      case 'acknowledge':
      case 'reject':
        this.#answer(command.kind, this.#client(command.who), command.back, command.attempts);
        return;
      case 'pass':
        this.#now += command.ms;
        return;
      case 'turn': {
        const taken = this.#takenOf(command.late);
        this.#underWay = this.#underWay.filter((entry) => !taken.includes(entry));
        this.#turn(taken, command.ending);
      }
    }
  }

  /**
   * All is well from here, and each consumer answers what it gets: while more is there, only once it has got as much as it
   * may have ahead. In the end nothing is left.
   */
  drain(): void {
    for (let round = 0; round < 400; round++) {
      this.#now += UNKNOWN_POST_MS * 3;
      this.#turn(this.#underWay.splice(0), { kind: 'sent', arrives: 0 });
      if (this.#standing().size === 0) return;
      const { returned, references } = this.#shard.state;
      const isMore = returned.length + references.length > 0;
      for (const client of this.#clients) {
        const isFull = client.got.length - client.answered >= client.prefetch;
        if (!client.isGone && (isFull || !isMore)) this.#answer('acknowledge', client, 0, 'first');
      }
      if (this.#clients.every(({ isGone }) => isGone)) this.act({ kind: 'join', prefetch: 2 });
    }
    throw new Error(`These stay for ever: ${[...this.#standing()].join(', ')}.`);
  }

  #client(who: number): Client | undefined {
    const here = this.#clients.filter(({ isGone }) => !isGone);
    return here[who % here.length];
  }

  #takenOf(late: number): readonly Entry[] {
    const heldUp = new Set<string>();
    return this.#underWay.filter((entry, i) => {
      const who = 'consumer' in entry ? entry.consumer : '';
      const isLate = ((late >> (i % 30)) & 1) === 1 || (this.#isInOrder && heldUp.has(who));
      if (isLate && who !== '') heldUp.add(who);
      return !isLate;
    });
  }

  #send(count: number, transient: boolean): void {
    const entry = this.#shard.send(Array(count).fill(0), transient);
    if (!transient) this.#sends.push(entry);
    this.#turn([entry], { kind: 'sent', arrives: 0 });
  }

  #leave(who: number, isLost: boolean): void {
    const client = this.#client(who);
    if (!client) return;
    client.isGone = true;
    const reason = isLost ? 'lost' : 'unsubscribed';
    this.#underWay.push(this.#shard.entry({ kind: 'leave', consumer: client.id, reason }));
  }

  #answer(kind: 'acknowledge' | 'reject', client: Client | undefined, back: number, attempts: Attempts): void {
    if (!client) return;
    const { id: consumer, got, answers } = client;
    const named = got.length - 1 - back;
    // It has what it got last.
    const at = this.#isInOrder ? got.lastIndexOf(got[named] ?? 0) : named;
    const place = this.#places.get(got[at] ?? 0);
    if (!place || (this.#isInOrder && answers[at] === 'rejected')) return;
    client.answered = Math.max(client.answered, at + 1);
    const entry = this.#shard.entry({ kind: `${kind}-message`, consumer, ...place, upTo: true });
    const isMeant = (i: number) => !this.#isInOrder || answers[i] !== 'rejected';
    if (kind === 'acknowledge')
      this.#meant.set(
        entry.id,
        got.slice(0, at + 1).filter((_, i) => isMeant(i)),
      );
    for (let i = 0; i <= at; i++) {
      if (kind === 'acknowledge') answers[i] = 'acknowledged';
      else answers[i] ??= 'rejected';
    }
    if (attempts !== 'second') this.#underWay.push(entry);
    if (attempts !== 'first') this.#underWay.push({ ...entry, attempt: 2 });
  }

  #turn(entries: readonly Entry[], ending: Ending): void {
    const before = this.#standing();
    const context = this.#shard.context({ now: this.#now, takeover: this.#isTakeover });
    const turn = this.#shard.decide(entries, context);
    const pushes = turn.deliveries.filter(({ consumer }) => consumer.connection !== '');
    for (const { sequence, key, index, transient } of turn.deliveries.flatMap(({ messages }) => messages)) {
      this.#places.set(sequence, { key, index });
      if (transient) this.#transient.add(sequence);
    }
    for (const { consumer, messages } of turn.deliveries) {
      if (consumer.connection === '') for (const { sequence } of messages) this.#seen.add(sequence);
    }
    for (const push of pushes) this.#arrive(push, ending);
    const outcome: PushOutcome | undefined = ending.kind === 'dies' ? undefined : ending.kind;
    const pushed = new Map(outcome === undefined ? [] : pushes.map((push) => [push, outcome] as const));
    const { state, pages } = finishTurn(turn.draft, { pushed }, context);
    this.#shard.state = decodeState(Uint8Array.from(encodeState(state)));
    for (const { key, bytes } of pages) this.#shard.pages.set(key, decodePage(key, bytes));
    this.#isTakeover = ending.kind === 'dies';
    for (const { id } of entries) {
      for (const sequence of this.#meant.get(id) ?? []) this.#acknowledged.add(this.#nameOf(sequence));
    }
    const after = this.#standing();
    for (const sequence of before) {
      const isExcused = this.#acknowledged.has(this.#nameOf(sequence)) || this.#transient.has(sequence);
      if (!after.has(sequence) && !isExcused) {
        throw new Error(`${sequence} is done, and nobody who had it said so.`);
      }
    }
  }

  #nameOf(sequence: number): string {
    const { key, index } = this.#places.get(sequence) ?? { key: '', index: sequence };
    return `${key}/${index}`;
  }

  #arrive({ consumer, messages }: PlannedDelivery, { kind, arrives }: Ending): void {
    const client = this.#clients.find(({ id }) => id === consumer.id);
    const count = kind === 'sent' ? messages.length : kind === 'unsent' ? 0 : arrives;
    for (const { sequence, redelivered } of messages.slice(0, count)) {
      if (this.#seen.has(sequence) && !redelivered) throw new Error(`${sequence} comes again, and does not say so.`);
      this.#seen.add(sequence);
      client?.got.push(sequence);
      client?.answers.push(undefined);
    }
  }

  #standing(): ReadonlySet<number> {
    const { flights, returned, references } = this.#shard.state;
    const all = [...flights, ...returned, ...references];
    return new Set(all.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)));
  }
}
