import { pack, unpack } from '../../shard/codec/packing.ts';
import type { Broker } from '../broker.ts';
import { readStored } from '../quarantine.ts';
import { isTopic, stateOfHead, viewHead } from '../shards.ts';

/** A live subscription to a topic. */
export type Member = {
  /** Fresh for each subscription, never used again. */
  readonly consumer: string;
  readonly connection: string;
  /** What the outlet needs to address deliveries to the subscription. */
  readonly subscription: string;
  /** Messages of this incarnation with a lower sequence were sent before the subscription: they are not for it. */
  readonly incarnation: string;
  readonly from: number;
};

type Joining = Pick<Member, 'consumer' | 'connection' | 'subscription'>;

/** How many records are read at a time. */
const PAGE = 1000;
/** Longer than any connection in the cloud lives: what nobody took out expires. */
const DAY_S = 24 * 60 * 60;

/** Reading a record is the costly part; a store that keeps records in memory hands out the same bytes again. */
const decoded = new WeakMap<Uint8Array, Omit<Member, 'consumer'>>();

function familyOf(topic: string): string {
  return `audience ${topic}`;
}

/**
 * Puts a subscription into the audience of a topic. It gets every message that is sent once this has resolved, and none
 * that was sent before it began: the head that is read here tells which these are. Nothing is written to the head.
 */
export async function joinAudience(broker: Broker, topic: string, joining: Joining): Promise<void> {
  const { consumer, connection, subscription } = joining;
  const head = await broker.store.readHead(topic);
  const from = head ? viewHead(broker, head).draft.next : 1;
  const incarnation = head ? stateOfHead(head).incarnation : '';
  const record = pack([connection, subscription, incarnation, from]);
  const expiresAt = Math.floor(broker.clock.now() / 1000) + DAY_S;
  await broker.store.putRecord({ family: familyOf(topic), name: consumer }, record, { expiresAt });
}

/** Takes subscriptions out of the audience of a topic. */
export async function leaveAudience(broker: Broker, topic: string, consumers: readonly string[]): Promise<void> {
  const family = familyOf(topic);
  await Promise.all(consumers.map((name) => broker.store.deleteRecord({ family, name })));
}

/**
 * The members that a turn gives its messages to; undefined if the shard is a queue. Read after the head, it holds
 * everybody whose subscription was confirmed before one of the messages there was sent.
 * @throws BrokerError CORRUPT, naming the shard
 */
export async function readAudience(broker: Broker, shard: string): Promise<readonly Member[] | undefined> {
  if (!isTopic(shard)) return undefined;
  const members: Member[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const records = await broker.store.listRecords(familyOf(shard), after, PAGE);
    for (const { name, value } of records)
      members.push({ consumer: name, ...readStored(shard, () => readMember(value)) });
    after = records.length < PAGE ? undefined : records.at(-1)?.name;
  }
  return members;
}

function readMember(bytes: Uint8Array): Omit<Member, 'consumer'> {
  const known = decoded.get(bytes);
  if (known) return known;
  const member = unpack('audience record', bytes, (value) => {
    const [connection, subscription, incarnation, from] = value as [string, string, string, number];
    return { connection, subscription, incarnation, from };
  });
  decoded.set(bytes, member);
  return member;
}
