import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startDynamo } from '../dynamodb-local.ts';
import { Prng } from '../simulation/prng.ts';
import { Brokers, type Place } from './brokers.ts';
import { Clients } from './clients.ts';
import { History, readHistories } from './history.ts';
import { type FaultKind, torment } from './nemesis.ts';
import { Network } from './network.ts';
import { judge, type Verdict } from './verdict.ts';

export type Chaos = {
  readonly store: Place['name'];
  readonly seconds: number;
  readonly seed: number;
  /** Default: all that the store can suffer. */
  readonly faults?: readonly FaultKind[];
  /** Each broker is in a PID namespace of its own, as in a container. */
  readonly isContained?: boolean;
};

export type Outcome = Verdict & {
  /** False: something was still in a queue when the time for it was over. */
  readonly isDrained: boolean;
  /** Brokers that ended without being told to. */
  readonly ends: number;
  /** The folder of the histories, kept where something is wrong. */
  readonly folder: string;
  readonly logs: string;
};

const QUEUES = ['chaos.a', 'chaos.b'];
const DRAIN_MS = 90_000;
const LOOK_MS = 250;
const BEGIN_MS = 60_000;
const everyStore: readonly FaultKind[] = [
  'kill',
  'kill both',
  'terminate',
  'pause',
  'hiccup',
  'cut',
  'stall',
  'kill a consumer',
];

/** Runs brokers and clients on one store while faults are done to them, lets everything drain, and judges. */
export async function runChaos({ store, seconds, seed, faults, isContained }: Chaos): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'cirrusmq-chaos-'));
  const engine = store === 'dynamodb' ? await startDynamo() : undefined;
  const ownHistory = join(folder, 'nemesis.jsonl');
  const doors = { rest: await Network.open(), stomp: await Network.open() };
  using history = new History(ownHistory);
  const brokers = new Brokers({ ...placeOf(folder, engine?.endpoint), isContained }, doors, history);
  brokers.start();
  const { rest, stomp } = doors;
  let clients: Clients | undefined;
  const abandon = () => {
    clients?.kill();
    brokers.kill();
    void engine?.stop();
  };
  process.once('exit', abandon);
  try {
    await brokers.master();
    brokers.start();
    const urls = { tcp: `tcp://${stomp.address}`, ws: `ws://${rest.address}`, http: `http://${rest.address}` };
    clients = new Clients(folder, urls, QUEUES);
    await atWork(clients);
    const victims = { brokers, clients, history, lines: [rest, stomp], prng: new Prng(seed) };
    const kinds = faults ?? [...everyStore, ...(store === 'lmdb' ? (['full disk'] as const) : [])];
    await torment(victims, kinds, performance.now() + seconds * 1000);
    await brokers.master();
    await clients.endProducers();
    const isDrained = await drained(rest.address, QUEUES);
    await clients.endAll();
    const verdict = judge(readHistories([ownHistory, ...clients.histories]));
    const logs = brokers.logs.map((log) => log()).join('\n');
    return { ...verdict, isDrained, ends: brokers.ends, folder, logs };
  } finally {
    process.off('exit', abandon);
    await clients?.endAll();
    await Promise.all(brokers.all.map((broker) => brokers.end(broker, 'SIGKILL')));
    for (const door of [rest, stomp]) door.close();
    await engine?.stop();
  }
}

/** On a slow machine the clients take longer to begin than faults last: these wait for a message that is confirmed. */
async function atWork({ histories }: Clients): Promise<void> {
  const end = performance.now() + BEGIN_MS;
  const isAtWork = () => readHistories(histories).some(({ kind }) => kind === 'confirmed');
  while (!isAtWork() && performance.now() < end) await sleep(LOOK_MS);
}

/** Nothing may be lost, invented, or repeated without saying so; and what was sent comes out in the end. */
export function isRight({ lost, unexpected, unflagged, isDrained }: Outcome): boolean {
  return lost.length === 0 && unexpected.length === 0 && unflagged.length === 0 && isDrained;
}

/** Removes what a run left, unless somebody may want to look into it. */
export function tidy(outcome: Outcome): void {
  if (isRight(outcome)) rmSync(outcome.folder, { recursive: true, force: true });
}

function placeOf(folder: string, endpoint: string | undefined): Place {
  if (endpoint === undefined) {
    const data = join(folder, 'data');
    return { name: 'lmdb', folder: data, args: ['--data', data] };
  }
  const prefix = `chaos-${process.pid}-${Date.now()}`;
  const args = ['--store', 'dynamodb', '--table-prefix', prefix, '--endpoint', endpoint];
  return { name: 'dynamodb', folder: undefined, args };
}

type Listing = { readonly queues: readonly { name: string; depth: number; inFlight: number; delayed: number }[] };

/** True once nothing is ready, in flight or delayed, dead letters included. */
async function drained(address: string, queues: readonly string[]): Promise<boolean> {
  const end = performance.now() + DRAIN_MS;
  while (performance.now() < end) {
    const reply = await fetch(`http://${address}/v1/queues`).catch(() => undefined);
    const listing = reply?.ok ? ((await reply.json()) as Listing) : undefined;
    const found = listing?.queues ?? [];
    const isEmpty = found.every(({ depth, inFlight, delayed }) => depth + inFlight + delayed === 0);
    if (isEmpty && queues.every((queue) => found.some(({ name }) => name === queue))) return true;
    await sleep(LOOK_MS);
  }
  return false;
}
