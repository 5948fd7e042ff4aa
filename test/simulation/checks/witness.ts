import { isTopic } from '../../../lib/broker/shards.ts';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import { asBrokerError, type BrokerError } from '../../../lib/model/errors.ts';
import type { Limits } from '../../../lib/model/limits.ts';
import { expiryOf } from '../../../lib/model/message.ts';
import { decodeState } from '../../../lib/shard/state-codec.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';
import type { Append, AppendOutcome, Commit, CommitOutcome, Head } from '../../../lib/store/port.ts';
import type { ExpiringStore } from '../expiring-store.ts';
import { AudienceLog } from './audience-log.ts';
import { History } from './history.ts';
import { ShardCheck } from './shard-check.ts';
import { must, Violation } from './violation.ts';

/** What of a host the checks want to know. */
export type Actor = {
  readonly name: string;
  readonly options: { readonly epoch: string; readonly isOldCode: boolean };
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
  readonly limits: Limits;
  readonly now: () => number;
  readonly store: ExpiringStore;
  readonly #onViolation: (violation: Violation) => void;
  /** States that were written by older code: it can read these. */
  readonly oldStates = new WeakSet<Uint8Array>();
  readonly #shards = new Map<string, ShardCheck>();

  /** @param onViolation told of what is found where a failure would be taken for the broker's */
  constructor(store: ExpiringStore, limits: Limits, now: () => number, onViolation: (violation: Violation) => void) {
    this.#onViolation = onViolation;
    this.store = store;
    this.limits = limits;
    this.now = now;
    this.history = new History(now, limits.skewMs + limits.postMs);
    this.audience = new AudienceLog(now, limits.skewMs + limits.postMs);
    store.onExpired = (shard, key) => this.shard(shard).expired(key);
  }

  shard(name: string): ShardCheck {
    const known = this.#shards.get(name) ?? new ShardCheck(this, name);
    this.#shards.set(name, known);
    return known;
  }

  get shards(): readonly ShardCheck[] {
    return [...this.#shards.values()];
  }

  appended(shard: string, append: Append, outcome: AppendOutcome): void {
    if (outcome.kind === 'appended') this.shard(shard).appended(append, outcome.head);
  }

  async committed(
    actor: Actor,
    shard: string,
    commit: Commit,
    before: Head | undefined,
    outcome: CommitOutcome,
  ): Promise<void> {
    if (outcome.kind !== 'committed') return;
    const isNewer = before?.state !== undefined && !this.oldStates.has(before.state);
    if (actor.options.isOldCode) this.oldStates.add(commit.state);
    must(!actor.options.isOldCode || !isNewer, 'old code writes over nothing newer', actor.name, shard);
    await this.shard(shard).committed(actor, commit, before, outcome.head);
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
  posting(octets: Uint8Array, at: number): void {
    for (const { headers } of this.#messagesIn(octets)) {
      const { destination = '', 'message-id': messageId = '' } = headers;
      this.shard(destination).posted.add(messageId);
      const expires = expiryOf(headers);
      const isGood = isTopic(destination) || expires === 0 || at < expires;
      must(isGood, 'nothing is posted that has expired', destination, messageId, at - expires);
    }
  }

  posted(connection: string, octets: Uint8Array, outcome: PostOutcome): void {
    if (outcome === 'sent') return;
    this.history.holders.doubted(connection);
    for (const { headers } of this.#messagesIn(octets)) this.shard(headers.destination ?? '').doubted.add(connection);
  }

  /** The gateway hands a WebSocket message to two invocations. */
  duplicated(octets: Uint8Array): void {
    const { frames } = decodeFrames(Buffer.from(octets), { limits: this.limits, version: '1.2', role: 'server' });
    const sent = frames.filter((f) => f.command === 'SEND').map((f) => Buffer.from(f.body).toString());
    this.history.sent.sending(sent);
    this.audience.sending(sent);
  }

  failed(cause: unknown): void {
    this.#expect(asBrokerError(cause));
  }

  refused({ headers, body }: Frame): void {
    must(
      expected.includes(headers.code ?? ''),
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
    if (expected.includes(error.code)) return;
    const { code, message, cause } = error;
    const where = cause instanceof Error ? cause.stack : cause;
    this.#onViolation(new Violation('requests fail for a reason', [code, message, where]));
  }

  #messagesIn(octets: Uint8Array): readonly Frame[] {
    const { frames } = decodeFrames(Buffer.from(octets), { limits: this.limits, version: '1.2', role: 'client' });
    return frames.filter(({ command }) => command === 'MESSAGE');
  }
}
