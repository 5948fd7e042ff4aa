import {
  type Connection,
  type ConnectionSubscription,
  changeConnection,
  closeConnection,
  readConnection,
} from '../broker/connections.ts';
import type { Broker } from '../broker/parts.ts';
import { send } from '../broker/send.ts';
import { acknowledge, reject, settleMessage } from '../broker/settlement.ts';
import { subscribe, unsubscribe } from '../broker/subscribe.ts';
import { formatDestination, readDestination } from '../model/destination.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { version } from '../model/version.ts';
import { alreadyConnected, type Command } from '../stomp/command.ts';
import type { StompVersion } from '../stomp/frame.ts';
import { connectedFrame, receiptFrame } from '../stomp/replies.ts';
import { addressOf } from './outlet.ts';

/** A command with the receipt that its client asked for. */
export type Step = { readonly command: Command; readonly receipt: string | undefined };

/** A command that was refused; the connection ends with it. */
export type Refusal = { readonly error: BrokerError; readonly receipt: string | undefined };

type Settling = Step & { readonly command: Command & { readonly kind: 'acknowledge' | 'reject' } };
type Sending = Step & { readonly command: Command & { readonly kind: 'send' } };

/** Undefined until CONNECT. */
export function versionOf({ version }: Connection): StompVersion | undefined {
  return version === '' ? undefined : (version as StompVersion);
}

const serverName = `CirrusMQ/${version}`;

/** Carries out what one connection asks for in one message, and gathers the replies in their order. */
export class Exchange {
  readonly #broker: Broker;
  readonly #connection: string;
  #record: Connection;
  readonly replies: Uint8Array[] = [];
  /** True after a DISCONNECT: the connection closes when the replies are out. */
  isOver = false;

  constructor(broker: Broker, connection: string, record: Connection) {
    this.#broker = broker;
    this.#connection = connection;
    this.#record = record;
  }

  get version(): StompVersion | undefined {
    return versionOf(this.#record);
  }

  /**
   * Carries out commands one by one; sends and settlements that follow one another, together.
   * @param onDone called after each of these
   */
  async run(steps: readonly Step[], onDone: () => void): Promise<Refusal | undefined> {
    for (let at = 0; at < steps.length && !this.isOver; ) {
      const together = steps.slice(at, at + countTogether(steps, at));
      const refusal = together.length > 0 ? await this.#runTogether(together) : await this.#runOne(steps[at] as Step);
      if (refusal) return refusal;
      onDone();
      at += Math.max(1, together.length);
    }
    return undefined;
  }

  async #runOne(step: Step): Promise<Refusal | undefined> {
    try {
      await this.#carryOut(step.command);
    } catch (error) {
      return { error: asBrokerError(error), receipt: step.receipt };
    }
    this.#confirm([step]);
    return undefined;
  }

  #confirm(steps: readonly Step[]): void {
    for (const { receipt } of steps) {
      if (receipt !== undefined) this.replies.push(receiptFrame(receipt, this.version ?? '1.2'));
    }
  }

  /** One write for each queue or topic that is sent to, and for each shard in which deliveries end. */
  async #runTogether(steps: readonly Step[]): Promise<Refusal | undefined> {
    const sends = steps.filter((step): step is Sending => step.command.kind === 'send');
    const byDestination = Map.groupBy(sends, ({ command }) => formatDestination(command.destination));
    const settlings = steps.filter((step): step is Settling => step.command.kind !== 'send');
    const byVerb = Map.groupBy(settlings, ({ command }) => command.kind);
    const refusals = await Promise.all([
      ...[...byDestination].map(([destination, mine]) => this.#send(destination, mine)),
      ...[...byVerb].map(([verb, mine]) => this.#settle(verb, mine)),
    ]);
    const refused = refusals.filter((refusal) => refusal !== undefined);
    const open = new Set(refused.flatMap(({ steps: mine }) => mine));
    this.#confirm(steps.filter((step) => !open.has(step)));
    return refused[0];
  }

  async #send(
    destination: string,
    steps: readonly Sending[],
  ): Promise<(Refusal & { steps: readonly Step[] }) | undefined> {
    try {
      const messages = steps.map(({ command }) => command.message);
      await send(this.#broker, readDestination(destination), messages);
      return undefined;
    } catch (error) {
      return { error: asBrokerError(error), receipt: steps.find(({ receipt }) => receipt)?.receipt, steps };
    }
  }

  async #settle(
    verb: 'acknowledge' | 'reject',
    steps: readonly Settling[],
  ): Promise<(Refusal & { steps: readonly Step[] }) | undefined> {
    const tokens = steps.map(({ command }) => command.token);
    try {
      const settlements = await (verb === 'reject' ? reject : acknowledge)(this.#broker, tokens);
      const at = settlements.findIndex(({ error }) => error !== undefined);
      const error = settlements[at]?.error;
      const failed = steps.filter((_, i) => settlements[i]?.error);
      return error && { error, receipt: steps[at]?.receipt, steps: failed };
    } catch (error) {
      return { error: asBrokerError(error), receipt: steps.find(({ receipt }) => receipt)?.receipt, steps };
    }
  }

  async #carryOut(command: Command): Promise<void> {
    switch (command.kind) {
      case 'connect':
        return await this.#connect(command.version);
      case 'subscribe':
        return await this.#subscribe(command);
      case 'unsubscribe':
        return await this.#unsubscribe(this.#subscriptionOf(command.id));
      case 'acknowledge-message':
      case 'reject-message':
        return await this.#settleMessage(command);
      case 'disconnect':
        await closeConnection(this.#broker, this.#connection, 'unsubscribed');
        this.isOver = true;
    }
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
  async #subscribe({ id, destination, ack, prefetch }: Command & { kind: 'subscribe' }): Promise<void> {
    const consumer = this.#broker.random.id();
    const most = this.#broker.limits.subscriptionsPerConnection;
    await this.#change((record) => withSubscription(record, { id, consumer, destination, ack }, most));
    const connection = this.#connection;
    const subscription = addressOf(id, this.version ?? '1.2', ack === 'auto');
    await subscribe(this.#broker, { consumer, destination, connection, subscription, ack, prefetch });
    if (await readConnection(this.#broker, connection)) return;
    await unsubscribe(this.#broker, destination, [consumer], 'lost');
  }

  #subscriptionOf(id: string): ConnectionSubscription {
    const subscription = this.#record.subscriptions.find((other) => other.id === id);
    if (subscription) return subscription;
    throw new BrokerError('UNKNOWN_SUBSCRIPTION', `This connection has no subscription "${id.slice(0, 64)}".`);
  }

  async #unsubscribe({ id, destination, consumer }: ConnectionSubscription): Promise<void> {
    await unsubscribe(this.#broker, destination, [consumer], 'unsubscribed');
    await this.#change((record) => ({
      ...record,
      subscriptions: record.subscriptions.filter((other) => other.id !== id),
    }));
  }

  async #settleMessage(command: Command & { kind: 'acknowledge-message' | 'reject-message' }): Promise<void> {
    const { kind, messageId, subscription } = command;
    const candidates = subscription === undefined ? this.#record.subscriptions : [this.#subscriptionOf(subscription)];
    // What a topic gave is done already.
    const ofQueues = candidates.filter(({ destination }) => destination.kind === 'queue');
    await Promise.all(
      ofQueues.map(({ destination, consumer, ack }) =>
        settleMessage(this.#broker, destination.name, messageId, { kind, consumer, upTo: ack === 'client' }),
      ),
    );
  }
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

/** How many steps from here go together: sends and settlements touch nothing of each other's. */
function countTogether(steps: readonly Step[], from: number): number {
  const kinds = ['send', 'acknowledge', 'reject'];
  let at = from;
  while (kinds.includes(steps[at]?.command.kind ?? '')) at++;
  return at - from;
}
