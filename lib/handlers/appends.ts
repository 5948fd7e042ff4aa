import type { Asking } from '../broker/asking.ts';
import type { Broker } from '../broker/broker.ts';
import type { ConnectionSubscription } from '../broker/sessions/connections.ts';
import { askToSend } from '../broker/verbs/send.ts';
import { askToSettle, whereabouts } from '../broker/verbs/settlement.ts';
import { requeueAt, type Settling } from '../broker/verbs/settling.ts';
import { type Destination, formatDestination } from '../model/destination.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Command } from '../stomp/command.ts';

type Send = Command & { readonly kind: 'send' };
type ByMessage = Command & { readonly kind: 'acknowledge-message' | 'reject-message' };
type ByToken = Command & { readonly kind: 'acknowledge' | 'reject' };
type Settle = ByToken | ByMessage;

/** A command that is carried out by appending to shards, and by nothing else. */
export type Appending = Send | Settle;

/** One append to one shard. */
export type Append = {
  /** Which of the commands it carries out, by their places. One that several shards are asked for is in several. */
  readonly places: readonly number[];
  /** What it asks for brings, for each of the commands, why that one is refused. */
  readonly prepare: () => Asking<readonly (BrokerError | undefined)[]>;
};

/** One of a transaction appends nothing by itself. */
export function isAppending(command: Command): command is Appending {
  return mayAppend(command) && command.transaction === undefined;
}

/** Whether a command takes effect only with its transaction. */
export function isStaged(command: Command): command is Appending & { readonly transaction: string } {
  return mayAppend(command) && command.transaction !== undefined;
}

function mayAppend(command: Command): command is Appending {
  return command.kind === 'send' || isSettle(command);
}

function isSettle({ kind }: Command): boolean {
  return kind === 'acknowledge' || kind === 'reject' || kind === 'acknowledge-message' || kind === 'reject-message';
}

/** What one shard is to do for the command at a place. */
export type Item = { readonly place: number; readonly shard: string } & (
  | { readonly send: Send; readonly settling?: undefined }
  | { readonly settling: Settling; readonly send?: undefined }
);

/** What commands ask of which shards, in their order. */
export async function itemsOf(
  broker: Broker,
  subscriptions: readonly ConnectionSubscription[],
  commands: readonly Appending[],
): Promise<Item[]> {
  const named = await namesIn(broker, subscriptions, commands);
  const now = broker.clock.now();
  return commands.flatMap((command, place): Item[] => {
    if (command.kind === 'send') return [{ place, shard: formatDestination(command.destination), send: command }];
    return settlingsOf(named, command, now).map(({ shard, settling }) => ({ place, shard, settling }));
  });
}

/**
 * Splits items where their order among shards begins to matter. What stays together are sends to one destination, or
 * settlements: those of several shards may pass each other.
 */
export function runsOf(items: readonly Item[]): Item[][] {
  const runs: Item[][] = [];
  let last: string | undefined;
  for (const item of items) {
    const key = item.send ? item.shard : '';
    if (key === last) runs.at(-1)?.push(item);
    else runs.push([item]);
    last = key;
  }
  return runs;
}

/** As few appends as keep the order of what each shard is asked. */
export function appendsOf(broker: Broker, items: readonly Item[]): Append[] {
  const pieces: Item[][] = [];
  const open = new Map<string, Item[]>();
  for (const item of items) {
    const piece = open.get(item.shard);
    if (piece && !piece[0]?.send === !item.send) {
      piece.push(item);
    } else {
      const begun = [item];
      pieces.push(begun);
      open.set(item.shard, begun);
    }
  }
  return pieces.map((piece) => appendOf(broker, piece));
}

function appendOf(broker: Broker, piece: readonly Item[]): Append {
  const sends = piece.flatMap(({ send }) => send ?? []);
  const settlings = piece.flatMap(({ settling }) => settling ?? []);
  const places = piece.map(({ place }) => place);
  const [first] = sends;
  if (first) return { places, prepare: () => sending(broker, first.destination, sends) };
  return { places, prepare: () => askToSettle(broker, piece[0]?.shard ?? '', settlings) };
}

function sending(broker: Broker, destination: Destination, sends: readonly Send[]): Asking<readonly undefined[]> {
  const asking = askToSend(
    broker,
    destination,
    sends.map(({ message }) => message),
  );
  return { ...asking, conclude: async (appended) => (await asking.conclude(appended)).map(() => undefined) };
}

type InShard = { readonly shard: string; readonly settling: Settling };

/** The consumers of queues that a command may mean. */
type Named = (command: ByMessage) => readonly { readonly shard: string; readonly consumer: ConnectionSubscription }[];

/**
 * The one that the command names: none for what a topic gave, which is done already, for what a browser was shown, or for a subscription that is over.
 * Where 1.0 names none, that of the queue which shows the message, or, if none does, all of them.
 */
async function namesIn(
  broker: Broker,
  subscriptions: readonly ConnectionSubscription[],
  commands: readonly Appending[],
): Promise<Named> {
  const all = subscriptions
    .filter(({ destination, browses }) => destination.kind === 'queue' && !browses)
    .map((consumer) => ({ shard: formatDestination(consumer.destination), consumer }));
  const isUnnamed = commands.some((command) => 'messageId' in command && command.subscription === undefined);
  const shards = isUnnamed ? [...new Set(all.map(({ shard }) => shard))] : [];
  const shardsWith = await whereabouts(broker, shards);
  return ({ subscription, messageId }) => {
    if (subscription !== undefined) return all.filter(({ consumer }) => consumer.id === subscription);
    const likely = shardsWith(messageId);
    return all.filter(({ shard }) => likely.includes(shard));
  };
}

function settlingsOf(named: Named, command: Settle, now: number): InShard[] {
  const requeue = requeueAt(now, command.requeue);
  if ('token' in command) {
    const { kind, token } = command;
    return [{ shard: token.shard, settling: { kind, token, ...requeue } }];
  }
  const { kind, messageId } = command;
  return named(command).map(({ shard, consumer: { consumer, ack } }) => ({
    shard,
    settling: { kind, consumer, ...messageId, upTo: ack === 'client', ...requeue },
  }));
}
