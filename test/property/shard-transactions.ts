import type { Entry } from '../../lib/shard/codec/entry.ts';
import type { Forward, ForwardOutcome } from '../../lib/shard/plan/forwards.ts';
import { endOf } from '../../lib/shard/state/ranges.ts';
import type { Decision, State } from '../../lib/shard/state/state.ts';
import { must } from '../simulation/checks/violation.ts';
import type { TakeTurn } from './shard-commands.ts';
import type { Standing } from './shard-ledger.ts';

type Transact = Entry & { readonly kind: 'transact' };

/** As many octets as the beginning of an id has that a state remembers. */
const SHORT = 8;

/** What transactions were asked for, what became of them, and what other shards got of that. */
export class Transactions {
  readonly #asked = new Map<string, Transact>();
  readonly #decided = new Map<string, Decision>();
  /** What other shards took: by target and number, the batch's key and the index in it. */
  readonly #taken = new Map<string, string>();

  ask(id: string, entry: Transact): void {
    this.#asked.set(id.slice(0, SHORT), entry);
  }

  isCommitted({ id }: Entry): boolean {
    return this.#decided.get(id.slice(0, SHORT))?.outcome === 'committed';
  }

  /** Another shard is given what transactions sent on; one that was never said to be a repeat it takes without a look. */
  forwarded({ onward }: State, forward: Forward & { target: string }, target: TakeTurn['target']): ForwardOutcome {
    const { messages, mayBeRepeat } = forward;
    const [first] = messages;
    const next = onward.find((sent) => sent.target === forward.target);
    must(first !== undefined && next?.number === first.number, 'what is sent on goes in its order', next, first);
    for (const { number, key, index, message } of messages) {
      const isCommitted = onward.some((sent) => number >= sent.number && number < sent.number + sent.count);
      must(isCommitted, 'what is sent on was committed', forward.target, number);
      must(Buffer.from(message.body).toString() === `${key}/${index}`, 'what is sent on is what was sent', key, index);
      if (target !== 'refused') this.#take(`${forward.target} ${number}`, `${key}/${index}`, mayBeRepeat);
    }
    if (target === 'refused') return 'refused';
    return target === 'taken' ? 'taken' : 'unknown';
  }

  #take(name: string, message: string, mayBeRepeat: boolean): void {
    const known = this.#taken.get(name);
    must(known === undefined || known === message, 'a forward number is that of one message', name, known, message);
    must(known === undefined || mayBeRepeat, 'a repeated forward is said to be one', name);
    this.#taken.set(name, message);
  }

  /** A commit has decided some: all of each happened, or nothing. */
  committed(
    before: { readonly state: State; readonly standings: ReadonlyMap<number, Standing> },
    after: { readonly state: State; readonly standings: ReadonlyMap<number, Standing> },
    absorbed: readonly Entry[],
    isTakeover: boolean,
  ): void {
    let next = before.state.nextOnward;
    for (const decision of after.state.decisions) {
      const known = this.#decided.get(decision.id);
      must(!known || known.outcome === decision.outcome, 'a transaction is decided once', known, decision);
      if (known) continue;
      this.#decided.set(decision.id, decision);
      const entry = this.#asked.get(decision.id);
      must(entry !== undefined, 'a transaction was asked for', decision);
      const count = decision.outcome === 'committed' ? entry.onward.reduce((sum, part) => sum + part.count, 0) : 0;
      must(decision.first === next && decision.end === next + count, 'what is sent on is numbered', decision, next);
      next = decision.end;
      if (decision.outcome === 'committed') checkEnded(entry, after.standings);
      else if (decision.outcome === 'over' && absorbed.length === 1 && !isTakeover) checkReason(entry, before);
    }
    must(next === after.state.nextOnward, 'what is sent on is numbered', next, after.state.nextOnward);
  }

  /** In the end all that was committed arrived, and nothing else did. */
  checkAll(): void {
    const sent = [...this.#decided].flatMap(([id, { outcome }]) => {
      const parts = outcome === 'committed' ? (this.#asked.get(id)?.onward ?? []) : [];
      return parts.flatMap(({ target, key, offset, count }) =>
        Array.from({ length: count }, (_, i) => `${target} ${key}/${offset + i}`),
      );
    });
    const taken = [...this.#taken].map(([name, message]) => `${name.split(' ')[0]} ${message}`);
    must(sent.sort().join() === taken.sort().join(), 'all of a transaction arrives, or nothing', sent, taken);
  }
}

function namedBy({ settles }: Transact) {
  return settles.flatMap((settle) => ('deliveries' in settle ? settle.deliveries : []));
}

function checkEnded(entry: Transact, standings: ReadonlyMap<number, Standing>): void {
  for (const settle of entry.settles) {
    if (settle.kind !== 'acknowledge') continue;
    for (const delivery of settle.deliveries) {
      for (let sequence = delivery.first; sequence < endOf(delivery); sequence++) {
        must(!standings.has(sequence), 'a transaction ends what it acknowledges', sequence, entry);
      }
    }
  }
}

function checkReason(entry: Transact, { standings }: { readonly standings: ReadonlyMap<number, Standing> }): void {
  const isOpen = namedBy(entry).every(({ first, attempt }) => {
    const standing = standings.get(first);
    return standing !== undefined && standing.consumer > 0 && standing.attempt === attempt && !standing.pushing;
  });
  must(!isOpen, 'a transaction is aborted for a reason', entry);
}
