import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrokerProcess } from '../broker-process.ts';
import type { Prng } from '../simulation/prng.ts';
import type { Brokers } from './brokers.ts';
import type { Clients } from './clients.ts';
import type { History } from './history.ts';
import type { Network } from './network.ts';

/** What may be harmed. */
export type Victims = {
  readonly brokers: Brokers;
  readonly clients: Clients;
  readonly lines: readonly Network[];
  readonly history: History;
  readonly prng: Prng;
};

/** A fault, and its repair: when it resolves there are two brokers again, one of them the master soon. */
type Fault = (victims: Victims) => Promise<void>;

/** Longer than the lease on a broker, which is 10 seconds and a second's allowance for clocks. */
const PAUSE_MS = [12_000, 16_000] as const;
/** The queue whose backlog fills a disk, with messages of this size. */
const FILLED = 'filled';
const FILLING_BYTES = 200_000;
/** How long after that a standby has to take over. */
const FOLLOW_MS = 5_000;
const GAP_MS = [500, 2_500] as const;

const faults = {
  async kill({ brokers }) {
    await brokers.end(await brokers.master(), 'SIGKILL');
    brokers.start();
  },
  async 'kill both'({ brokers }) {
    await Promise.all(brokers.all.map((broker) => brokers.end(broker, 'SIGKILL')));
    brokers.start();
    brokers.start();
  },
  async terminate({ brokers }) {
    await brokers.end(await brokers.master(), 'SIGTERM');
    brokers.start();
  },
  async pause({ brokers, prng, history }) {
    const paused = await brokers.master();
    brokers.pause(paused);
    await sleep(prng.between(...PAUSE_MS));
    const isFollowed = await Promise.race([brokers.master().then(() => true), sleep(FOLLOW_MS, false)]);
    // Stopped inside a transaction of lmdb, or in a container where its number is the standby's, it keeps the data.
    if (!isFollowed) history.note({ kind: 'fault', what: 'pause that keeps the data' });
    brokers.resume(paused);
  },
  /** Shorter than the lease: it goes on as the master. */
  async hiccup({ brokers, prng }) {
    const { signal } = await brokers.master();
    signal('SIGSTOP');
    await sleep(prng.between(500, 4_000));
    signal('SIGCONT');
  },
  async cut({ lines, prng }) {
    const probability = prng.pick([0.3, 1]);
    for (const line of lines) line.cut(prng, probability);
  },
  async stall({ lines, prng }) {
    for (const line of lines) line.isStalled = true;
    await sleep(prng.between(300, 6_000));
    if (prng.chance(0.5)) for (const line of lines) line.cut(prng, 0.5);
    for (const line of lines) line.isStalled = false;
  },
  async 'kill a consumer'({ clients, prng }) {
    await clients.killConsumer(prng);
  },
  /** The standby can write hardly anything, becomes the master, and fails when its disk is full. */
  async 'full disk'({ brokers }) {
    const master = await brokers.master();
    await Promise.all(brokers.all.filter((one) => one !== master).map((one) => brokers.end(one, 'SIGTERM')));
    const confined = brokers.start(true);
    await confined.standby;
    const ended = once(confined.process, 'exit');
    await brokers.end(master, 'SIGTERM');
    brokers.start();
    await fill(confined);
    await ended;
    brokers.start();
    const { url } = await (await brokers.master()).ready;
    await fetch(`${url}/v1/queues/${FILLED}/messages`, { method: 'DELETE' });
  },
} satisfies Readonly<Record<string, Fault>>;

export type FaultKind = keyof typeof faults;

/** Does one fault after the other until the time is over: all kinds in a random order, then again. */
export async function torment(victims: Victims, kinds: readonly FaultKind[], untilMs: number): Promise<void> {
  const { prng, history, brokers } = victims;
  let deck: FaultKind[] = [];
  while (performance.now() < untilMs) {
    await sleep(prng.between(...GAP_MS));
    await brokers.master();
    if (deck.length === 0) deck = shuffled(kinds, prng);
    const kind = deck.pop() ?? 'kill';
    history.note({ kind: 'fault', what: kind });
    await faults[kind](victims);
  }
}

/** Sends until it fails. */
async function fill(broker: BrokerProcess): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream' };
  const body = Buffer.alloc(FILLING_BYTES);
  const target = await broker.ready.catch(() => undefined);
  for (let isOk = target !== undefined; isOk; ) {
    const reply = await fetch(`${target?.url}/v1/queues/${FILLED}/messages`, { method: 'POST', headers, body }).catch(
      () => undefined,
    );
    isOk = reply?.ok ?? false;
  }
}

function shuffled<T>(items: readonly T[], prng: Prng): T[] {
  return items
    .map((item) => ({ item, at: prng.fraction() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
