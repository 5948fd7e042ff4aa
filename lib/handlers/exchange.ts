import type { Broker } from '../broker/broker.ts';
import {
  type Connection,
  type ConnectionSubscription,
  changeConnection,
  closeConnection,
  type RecentUnsubscribe,
  readConnection,
} from '../broker/sessions/connections.ts';
import { runBrowser } from '../broker/verbs/browser.ts';
import { subscribe, unsubscribe } from '../broker/verbs/subscribe.ts';
import { placeTransaction, transact } from '../broker/verbs/transact.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { version } from '../model/version.ts';
import { alreadyConnected, type Command } from '../stomp/command.ts';
import type { StompVersion } from '../stomp/frame.ts';
import { connectedFrame, receiptFrame } from '../stomp/replies.ts';
import { type Action, actionOf, isOver, rejectionOf } from './actions.ts';
import { type Appending, isAppending, isStaged, itemsOf } from './appends.ts';
import { carryOutInOrder, firstPlace } from './in-order.ts';
import { addressOf } from './outlet.ts';
import type { Staging } from './staging.ts';

/** A command with the receipt that its client asked for. */
export type Step = { readonly command: Command; readonly receipt: string | undefined };

/** A command that was refused; the connection ends with it. */
export type Refusal = { readonly error: BrokerError; readonly receipt: string | undefined };

type AppendingStep = Step & { readonly command: Appending };

/** Undefined until CONNECT. */
export function versionOf({ version }: Connection): StompVersion | undefined {
  return version === '' ? undefined : (version as StompVersion);
}

const serverName = `CirrusMQ/${version}`;

type Surroundings = { readonly staging: Staging; readonly onWait: () => void };

/** Carries out what one connection asks for in one message, and gathers the replies in their order. */
export class Exchange {
  readonly #broker: Broker;
  readonly #connection: string;
  #record: Connection;
  readonly replies: Uint8Array[] = [];
  /** True after a DISCONNECT: the connection closes when the replies are out. */
  isOver = false;
  readonly #staging: Staging;
  /** Called before something is waited for that turns bring, which the commands before it may have put off. */
  readonly #onWait: () => void;

  constructor(broker: Broker, connection: string, record: Connection, { staging, onWait }: Surroundings) {
    this.#broker = broker;
    this.#staging = staging;
    this.#onWait = onWait;
    this.#connection = connection;
    this.#record = record;
  }

  get version(): StompVersion | undefined {
    return versionOf(this.#record);
  }

  /**
   * Carries out commands in their order, up to the first that is refused.
   * @param onDone called after each write that they call for
   */
  async run(steps: readonly Step[], onDone: () => void): Promise<Refusal | undefined> {
    for (let at = 0; at < steps.length && !this.isOver; ) {
      const run = appendingFrom(steps, at);
      const refusal = run.length > 0 ? await this.#append(run, onDone) : await this.#runOne(steps[at] as Step);
      if (refusal) return refusal;
      if (run.length === 0) onDone();
      at += Math.max(1, run.length);
    }
    return undefined;
  }

  async #runOne({ command, receipt }: Step): Promise<Refusal | undefined> {
    try {
      await this.#carryOut(command);
    } catch (error) {
      return { error: asBrokerError(error), receipt };
    }
    this.#confirm(receipt);
    return undefined;
  }

  #confirm(receipt: string | undefined): void {
    if (receipt !== undefined) this.replies.push(receiptFrame(receipt, this.version ?? '1.2'));
  }

  /** Sends and settlements: as few writes as their order allows. */
  async #append(steps: readonly AppendingStep[], onDone: () => void): Promise<Refusal | undefined> {
    const { subscriptions } = this.#record;
    const commands = steps.map(({ command }) => command);
    const items = await itemsOf(this.#broker, subscriptions, commands);
    const refused = await carryOutInOrder(this.#broker, items, onDone);
    steps.forEach(({ receipt }, place) => {
      if (!refused || place < firstPlace(refused)) this.#confirm(receipt);
    });
    if (!refused) return undefined;
    const asked = refused.places.find((place) => steps[place]?.receipt !== undefined);
    return { error: refused.error, receipt: asked === undefined ? undefined : steps[asked]?.receipt };
  }

  async #carryOut(command: Command): Promise<void> {
    if (isStaged(command)) return this.#stage(command, command.transaction);
    switch (command.kind) {
      case 'connect':
        return await this.#connect(command.version);
      case 'subscribe':
        return await this.#subscribe(command);
      case 'unsubscribe':
        return await this.#unsubscribe(command.id);
      case 'begin':
        return this.#staging.begin(this.#connection, command.transaction);
      case 'commit':
        return await this.#staging.take(this.#connection, command.transaction, (actions) =>
          this.#commit(actions, command.transaction),
        );
      case 'abort':
        return await this.#staging.take(this.#connection, command.transaction, (actions) => this.#abort(actions));
      case 'disconnect':
        this.#staging.forget(this.#connection);
        await closeConnection(this.#broker, this.#connection, 'unsubscribed');
        this.isOver = true;
    }
  }

  #stage(command: Appending, name: string): void {
    const action = actionOf(this.#record.subscriptions, command, this.#broker.clock.now());
    if (action) this.#staging.add(this.#connection, name, action);
    else this.#staging.check(this.#connection, name);
  }

  /** What it does not do is the client's to do again: its deliveries are ready again. */
  async #commit(actions: readonly Action[], name: string): Promise<void> {
    const { subscriptions } = this.#record;
    if (actions.some((action) => 'isVoid' in action || isOver(action, subscriptions))) throw abortedBy(name);
    const sends = actions.flatMap(({ send }) => send ?? []);
    const settles = actions.flatMap((action) => (action.settling ? [action] : []));
    if (sends.length + settles.length === 0) return;
    const transaction = { sends, settles, connection: this.#connection };
    const place = placeTransaction(this.#broker, transaction);
    this.#onWait();
    await transact(this.#broker, place, transaction);
  }

  /** What was consumed in it is delivered again, and counts as a failure. @see JMS 3.1 §6.2.7 */
  async #abort(actions: readonly Action[]): Promise<void> {
    const items = actions.flatMap((action, place) => {
      if (!action.settling || isOver(action, this.#record.subscriptions)) return [];
      return [{ place, shard: action.shard, settling: rejectionOf(action.settling) }];
    });
    const refused = await carryOutInOrder(this.#broker, items, () => {});
    if (refused) throw refused.error;
  }

  async #connect(version: StompVersion): Promise<void> {
    const { principal } = this.#record;
    await this.#change((record) => ({ ...withVersion(record, version), principal }));
    this.replies.push(connectedFrame(version, this.#connection, serverName, this.#broker.limits));
  }

  async #change(change: (record: Connection) => Connection): Promise<void> {
    this.#record = await changeConnection(this.#broker, this.#connection, change);
  }

  /** The record first, then the consumer, then the record again: a consumer whose connection went is taken out. */
  async #subscribe({ id, destination, ack, prefetch, browses }: Command & { kind: 'subscribe' }): Promise<void> {
    const { limits, clock, random } = this.#broker;
    const consumer = random.id();
    const added = { id, consumer, destination, ack, browses };
    await this.#change(
      (record) =>
        withoutEarly(record, id, clock.now()) ?? withSubscription(record, added, limits.subscriptionsPerConnection),
    );
    if (!this.#record.subscriptions.includes(added)) return;
    const connection = this.#connection;
    const subscription = addressOf(id, this.version ?? '1.2', ack === 'auto');
    if (browses) {
      this.#broker.defer(() => runBrowser(this.#broker, { consumer, destination, connection, subscription }));
      return;
    }
    await subscribe(this.#broker, { consumer, destination, connection, subscription, ack, prefetch });
    // The connection may have gone meanwhile and, where order is not kept, an UNSUBSCRIBE may have come.
    const record = await readConnection(this.#broker, connection);
    if (record?.subscriptions.some((other) => other.consumer === consumer)) return;
    await unsubscribe(this.#broker, destination, [consumer], 'lost');
  }

  async #unsubscribe(id: string): Promise<void> {
    const isMeant = (other: ConnectionSubscription) => other.id === id;
    const subscription = this.#record.subscriptions.find(isMeant) ?? (await this.#noteEarly(id)).find(isMeant);
    if (!subscription) return;
    if (!subscription.browses) {
      await unsubscribe(this.#broker, subscription.destination, [subscription.consumer], 'unsubscribed');
    }
    const { limits, clock } = this.#broker;
    await this.#change((record) => {
      const rest = { ...record, subscriptions: record.subscriptions.filter((other) => !isMeant(other)) };
      return keepsOrder(limits) ? rest : withEnded(rest, id, clock.now());
    });
  }

  /**
   * Remembers an UNSUBSCRIBE whose SUBSCRIBE may come after it, or may have come meanwhile. One that is said a second
   * time ends nothing that comes after it.
   * @returns the subscriptions as they are now
   * @throws BrokerError UNKNOWN_SUBSCRIPTION where order is kept
   */
  async #noteEarly(id: string): Promise<readonly ConnectionSubscription[]> {
    const { limits, clock } = this.#broker;
    if (keepsOrder(limits)) {
      throw new BrokerError('UNKNOWN_SUBSCRIPTION', `This connection has no subscription "${id.slice(0, 64)}".`);
    }
    await this.#change((record) => {
      if (record.subscriptions.some((other) => other.id === id)) return record;
      const now = clock.now();
      return isAmong(record.ended, id, now) ? record : { ...record, early: added(record.early, id, now) };
    });
    return this.#record.subscriptions;
  }
}

function abortedBy(name: string): BrokerError {
  return new BrokerError(
    'TRANSACTION_ABORTED',
    `The transaction "${name.slice(0, 64)}" ends what this connection does not have: nothing of it happened.`,
  );
}

/** API Gateway hands each message of a connection to an invocation of its own. */
export function keepsOrder({ profile }: Limits): boolean {
  return profile !== 'cloud';
}

/** No message waits longer for its invocation than one may last. @see API Gateway quotas: 29 s an integration */
const YOUNG_MS = 30_000;
/** As many are remembered of each kind. */
const REMEMBERED_MAX = 16;

function young(all: readonly RecentUnsubscribe[] = [], now: number): readonly RecentUnsubscribe[] {
  return all.filter(({ at }) => at > now - YOUNG_MS);
}

function isAmong(all: readonly RecentUnsubscribe[] | undefined, id: string, now: number): boolean {
  return young(all, now).some((one) => one.id === id);
}

function added(all: readonly RecentUnsubscribe[] | undefined, id: string, now: number): readonly RecentUnsubscribe[] {
  const others = young(all, now).filter((one) => one.id !== id);
  return [...others.slice(1 - REMEMBERED_MAX), { id, at: now }];
}

function withEnded(record: Connection, id: string, now: number): Connection {
  return { ...record, ended: added(record.ended, id, now) };
}

/** A SUBSCRIBE whose UNSUBSCRIBE came before it is over already; undefined if none did. */
function withoutEarly(record: Connection, id: string, now: number): Connection | undefined {
  if (!isAmong(record.early, id, now)) return undefined;
  return withEnded({ ...record, early: young(record.early, now).filter((one) => one.id !== id) }, id, now);
}

/**
 * Another message may have opened the session since this one was read.
 * @throws BrokerError ALREADY_CONNECTED
 */
function withVersion(record: Connection, version: StompVersion): Connection {
  if (record.version !== '') throw alreadyConnected();
  return { ...record, version };
}

/** @throws BrokerError DUPLICATE_SUBSCRIPTION; LIMIT_EXCEEDED */
function withSubscription(record: Connection, added: ConnectionSubscription, most: number): Connection {
  if (record.subscriptions.some((other) => other.id === added.id)) {
    throw new BrokerError('DUPLICATE_SUBSCRIPTION', `This connection has a subscription "${added.id}" already.`);
  }
  if (record.subscriptions.length >= most) {
    throw new BrokerError('LIMIT_EXCEEDED', `This connection has ${most} subscriptions, which is the most.`);
  }
  return { ...record, subscriptions: [...record.subscriptions, added] };
}

/** The steps from here on that are carried out by appends alone, up to the first other one. */
function appendingFrom(steps: readonly Step[], from: number): readonly AppendingStep[] {
  const isOne = (step: Step): step is AppendingStep => isAppending(step.command);
  const end = steps.findIndex((step, at) => at >= from && !isOne(step));
  return steps.slice(from, end === -1 ? undefined : end).filter(isOne);
}
