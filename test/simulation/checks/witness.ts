import { isTopic } from '../../../lib/broker/shards.ts';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import { asBrokerError, type BrokerError } from '../../../lib/model/errors.ts';
import type { Limits } from '../../../lib/model/limits.ts';
import { expiryOf } from '../../../lib/model/message.ts';
import { decodeBatch } from '../../../lib/shard/codec/batch.ts';
import { decodeEntry } from '../../../lib/shard/codec/entry.ts';
import { decodeState } from '../../../lib/shard/codec/state-codec.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';
import type { Append, AppendOutcome, Commit, CommitOutcome, Head, ShardAppend } from '../../../lib/store/port.ts';
import { idOf } from '../bodies.ts';
import type { ExpiringStore } from '../expiring-store.ts';
import { type Ever, forwardName, isOnward } from './arrivals.ts';
import { AudienceLog } from './audience-log.ts';
import { FrameLog } from './frame-log.ts';
import { History } from './history.ts';
import { ShardCheck } from './shard-check.ts';
import { must, Violation } from './violation.ts';

/** What of a host the checks want to know. */
export type Actor = {
  readonly name: string;
  readonly options: { readonly epoch: string; readonly isOldCode: boolean };
  /** How far its clock is ahead. */
  readonly offsetMs: number;
  /** Its clock is further off than the broker allows for. */
  readonly isAstray: boolean;
};

/** Failures that a request may end with, whatever goes wrong around the broker. */
const expected = [
  'UNAVAILABLE',
  'OVERLOADED',
  'NOT_MASTER',
  'ALREADY_CONNECTED',
  'NOT_CONNECTED',
  'DUPLICATE_SUBSCRIPTION',
  'LIMIT_EXCEEDED',
  'NOT_FOUND',
  'QUEUE_IN_USE',
];

/** Sees every write and every delivery, and knows what must hold. */
export class Witness {
  readonly history: History;
  /** What the subscribers of topics saw. */
  readonly audience: AudienceLog;
  /** Which frames of a message took effect. */
  readonly frames = new FrameLog();
  readonly limits: Limits;
  readonly now: () => number;
  /** How far a clock may be off. */
  readonly skewMs: number;
  /** Further than the broker allows for. */
  readonly areClocksFarOff: boolean;
  readonly store: ExpiringStore;
  readonly #onViolation: (violation: Violation) => void;
  /** States that were written by older code: it can read these. */
  readonly oldStates = new WeakSet<Uint8Array>();
  readonly #shards = new Map<string, ShardCheck>();
  readonly #ever = new Map<string, Ever>();
  /** What some commit showed as outgoing: by queue and message id. */
  readonly outgoing = new Set<string>();
  readonly #expected = new Set(expected);

  /**
   * @param clocksMs how far a clock may be off in this story, beyond what is allowed for
   * @param onViolation told of what is found where a failure would be taken for the broker's
   */
  constructor(
    store: ExpiringStore,
    limits: Limits,
    clocksMs: number,
    now: () => number,
    onViolation: (violation: Violation) => void,
  ) {
    this.#onViolation = onViolation;
    this.store = store;
    this.limits = limits;
    this.now = now;
    this.skewMs = limits.skewMs + clocksMs;
    this.areClocksFarOff = clocksMs > 0;
    this.history = new History(now, this.skewMs + limits.postMs);
    this.audience = new AudienceLog(now, this.skewMs + limits.postMs);
    store.onExpired = (shard, key) => this.shard(shard).expired(key);
  }

  shard(name: string): ShardCheck {
    const known = this.#shards.get(name) ?? new ShardCheck(this, name);
    this.#shards.set(name, known);
    return known;
  }

  /** What shards of this name ever had, deleted ones too. */
  everAt(name: string): Ever {
    const known = this.#ever.get(name) ?? { taken: new Set(), forwarded: new Set() };
    this.#ever.set(name, known);
    return known;
  }

  get shards(): readonly ShardCheck[] {
    return [...this.#shards.values()];
  }

  /** From now on requests may fail with this, too. */
  expect(code: string): void {
    this.#expected.add(code);
  }

  /** A message whose master is replaced meanwhile must not be both delivered where it was and forwarded. */
  forwarding({ entries, blobs }: Append): void {
    for (const entry of entries.map(decodeEntry)) {
      const blob = entry.kind === 'forward' && blobs.find(({ key }) => key === entry.key);
      if (!blob) continue;
      decodeBatch(blob.key, blob.bytes).forEach(({ headers }, i) => {
        const name = isOnward(entry.source) ? `${entry.source} ${entry.numbers[i]}` : forwardName(headers);
        must(this.outgoing.has(name), 'what is forwarded was outgoing by a commit', name);
      });
    }
  }

  appended(actor: Actor, shard: string, append: Append, outcome: AppendOutcome): void {
    if (outcome.kind !== 'appended') return;
    this.shard(shard).appended(actor, append, outcome.head);
    this.frames.took([{ shard, ...append }]);
  }

  /** Several appends in one write. */
  appendedAll(actor: Actor, appends: readonly ShardAppend[], outcomes: readonly AppendOutcome[]): void {
    const made = appends.filter((append, i) => {
      const outcome = outcomes[i];
      if (outcome?.kind === 'appended') this.shard(append.shard).appended(actor, append, outcome.head);
      return outcome?.kind === 'appended';
    });
    this.frames.took(made);
  }

  async committed(
    actor: Actor,
    shard: string,
    commit: Commit,
    before: Head | undefined,
    outcome: CommitOutcome,
  ): Promise<void> {
    if (outcome.kind !== 'committed') return;
    const isSame = commit.state === before?.state;
    const isNewer = before?.state !== undefined && !this.oldStates.has(before.state) && !isSame;
    if (actor.options.isOldCode && !isSame) this.oldStates.add(commit.state);
    must(!actor.options.isOldCode || !isNewer, 'old code writes over nothing newer', actor.name, shard);
    await this.shard(shard).committed(actor, commit, before, outcome.head);
  }

  /** Another invocation is to go on with the shard. */
  passedOn(shard: string, nonce: string): void {
    this.shard(shard).passedOn(nonce);
  }

  stolen(actor: Actor, shard: string, before: Head | undefined, after: Head): void {
    this.shard(shard).stolen(actor, before, after);
  }

  /** A queue is deleted, and forgets all that it knew; the next of its name begins anew. */
  removed({ options }: Actor, shard: string, head: Head | undefined): void {
    const all = head?.state ? decodeState(head.state).consumers : [];
    const consumers = all.filter(({ connection }) => connection !== '' && connection.startsWith(options.epoch));
    must(consumers.length === 0 && !head?.inbox.length, 'a queue in use is not deleted', shard, consumers);
    this.#shards.delete(shard);
  }

  async settled(actor: Actor, shard: string, head: Head | undefined): Promise<void> {
    await this.shard(shard).settled(actor, head);
  }

  /** @param at when that was decided, by the clock of who posts */
  posting(actor: Actor, octets: Uint8Array, at: number): void {
    const messages = this.#messagesIn(octets);
    const isPacked = messages.length <= 1 || octets.byteLength <= this.limits.postBytes;
    must(isPacked, 'a post is no larger than it may be', messages.length, octets.byteLength);
    for (const { headers } of messages) {
      const { destination = '', 'message-id': messageId = '', ack } = headers;
      const shard = this.shard(destination);
      shard.posting(messageId, ack);
      const expires = expiryOf(headers);
      const isGood = isTopic(destination) || expires === 0 || at < expires || actor.isAstray;
      this.#noteStray(actor, shard, messageId);
      if (actor.isAstray) this.audience.strays.add(messageId);
      must(isGood, 'nothing is posted that has expired', destination, messageId, at - expires);
    }
  }

  /** It was posted a while ago: somebody may have taken the lease since then. */
  arriving(actor: Actor, octets: Uint8Array): void {
    for (const { headers } of this.#messagesIn(octets)) {
      this.#noteStray(actor, this.shard(headers.destination ?? ''), headers['message-id'] ?? '');
    }
  }

  #noteStray(actor: Actor, shard: ShardCheck, messageId: string): void {
    if (actor.isAstray || shard.isRobbed(actor)) this.history.strays.add(messageId);
  }

  posted(connection: string, octets: Uint8Array, outcome: PostOutcome): void {
    if (outcome === 'sent') return;
    this.history.holders.doubted(connection);
    for (const { headers } of this.#messagesIn(octets)) this.shard(headers.destination ?? '').doubted.add(connection);
  }

  /** The gateway hands a WebSocket message to two invocations. */
  duplicated(octets: Uint8Array): void {
    const { frames } = decodeFrames(Buffer.from(octets), { limits: this.limits, version: '1.2', role: 'server' });
    const sent = frames.filter((f) => f.command === 'SEND').map((f) => idOf(f.body));
    this.history.sent.sending(sent);
    this.audience.sending(sent);
  }

  failed(cause: unknown): void {
    this.#expect(asBrokerError(cause));
  }

  refused({ headers, body }: Frame): void {
    must(
      this.#expected.has(headers.code ?? ''),
      'requests fail for a reason',
      headers.code,
      Buffer.from(body).toString(),
    );
  }

  told(settlements: readonly { readonly error: BrokerError | undefined }[]): void {
    for (const { error } of settlements) must(!error, 'a token that was given out is known', error?.message);
  }

  logged(error: BrokerError | undefined): void {
    if (error) this.#expect(error);
  }

  #expect(error: BrokerError): void {
    if (this.#expected.has(error.code)) return;
    const { code, message, cause } = error;
    const where = cause instanceof Error ? cause.stack : cause;
    this.#onViolation(new Violation('requests fail for a reason', [code, message, where]));
  }

  #messagesIn(octets: Uint8Array): readonly Frame[] {
    const { frames } = decodeFrames(Buffer.from(octets), { limits: this.limits, version: '1.2', role: 'client' });
    return frames.filter(({ command }) => command === 'MESSAGE');
  }
}
