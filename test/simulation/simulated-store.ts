import { pack, unpack } from '../../lib/shard/codec/packing.ts';
import type {
  Accepts,
  Append,
  AppendOutcome,
  Commit,
  Head,
  ShardAppend,
  Steal,
  StealOutcome,
  Store,
} from '../../lib/store/port.ts';
import { must } from './checks/violation.ts';
import type { Host } from './host.ts';
import { errorOf, type Refusal } from './outages.ts';
import { showAppend, showHead, showKind } from './story.ts';
import type { World } from './world.ts';

const LOOK_MS = 150;

/** The store as one host sees it: each call is a step of its own, and what it changes is witnessed. */
export function simulatedStore(world: World, host: Host): Store {
  const { store, prng, witness, faults, schedule } = world;
  const seen = <T extends { readonly head: Head | undefined }>(outcome: T): T =>
    host.options.isOldCode && outcome.head?.state && !witness.oldStates.has(outcome.head.state)
      ? { ...outcome, head: newer(outcome.head) }
      : outcome;
  const quiet = () => '';

  return {
    bodiesExpire: store.bodiesExpire,
    append: async (shard: string, append: Append) => {
      const { outcome, refusal } = await host.step(
        `append ${shard}`,
        true,
        async () => await appendOrRefuse(world, host, shard, append),
        ({ outcome: { kind, head }, refusal: why }) => `${why ?? kind} ${showAppend(append)} -> ${showHead(head)}`,
      );
      if (refusal !== undefined && refusal !== 'full') throw errorOf(shard, refusal);
      return seen(outcome);
    },
    // As where one process writes: elsewhere the store has no such verb.
    ...(!store.bodiesExpire && { appendAll: (appends, accepts) => appendAll(world, host, appends, accepts) }),
    commit: (shard: string, given: Commit) => {
      // Who only gives a lease back writes the octets that it read.
      const commit = { ...given, state: originals.get(given.state) ?? given.state };
      return host.step(
        `commit ${shard}`,
        true,
        async () => {
          const before = await store.readHead(shard);
          const outcome = await store.commit(shard, commit);
          await witness.committed(host, shard, commit, before, outcome);
          return seen(outcome);
        },
        (outcome) =>
          `${outcome.kind} ${commit.nonce.slice(0, 6)} absorbs ${commit.absorbed} -> ${showHead(outcome.head)}`,
      );
    },
    steal: async (shard: string, steal: Steal) => {
      const isRefused = store.bodiesExpire && faults.strike('theft refused');
      const refusal = isRefused ? prng.pick(['throttled', 'unheard'] as const) : undefined;
      const outcome = await host.step(
        `steal ${shard}`,
        true,
        async () => {
          if (refusal) return undefined;
          const before = await store.readHead(shard);
          const outcome = await store.steal(shard, steal);
          if (outcome.kind === 'stolen') witness.stolen(host, shard, before, outcome.head);
          return seen(outcome);
        },
        (outcome) => (outcome ? `${outcome.kind} -> ${showHead(outcome.head)}` : `${refusal}`),
      );
      if (refusal) throw errorOf(shard, refusal);
      return outcome as StealOutcome;
    },
    readHead: (shard) =>
      host.step(
        `read ${shard}`,
        false,
        async () => seen({ head: await store.readHead(shard) }).head,
        (head) => showHead(head),
      ),
    removeHead: (shard, rings) =>
      host.step(
        `remove ${shard}`,
        true,
        async () => {
          const before = await store.readHead(shard);
          const isRemoved = await store.removeHead(shard, rings);
          if (isRemoved) witness.removed(host, shard, before);
          return isRemoved;
        },
        String,
      ),
    awaitChange: (_shard, _seen, timeoutMs) => host.sleep(Math.min(timeoutMs, prng.latency(LOOK_MS))),
    getBlobs: (shard, keys) =>
      host.step(
        `get ${keys.length} of ${shard}`,
        false,
        () => store.getBlobs(shard, keys),
        (found) => `${found.size}`,
      ),
    keepBlobs: (shard, keys, expiresAt) =>
      host.step(
        `extend ${keys.length} of ${shard}`,
        true,
        async () => {
          schedule.watch(() => must(store.bodiesExpire, 'nothing is kept alive where nothing expires', shard));
          await store.keepBlobs(shard, keys, expiresAt);
        },
        quiet,
      ),
    due: (minute, limit) =>
      host.step(
        'due',
        false,
        () => store.due(minute, limit),
        (dues) => `${dues.length}`,
      ),
    clearDue: (due, rings) =>
      host.step(
        `clear ${due.kind} of ${due.shard}`,
        true,
        async () => {
          const isSettled = await store.clearDue(due, rings);
          if (isSettled && due.kind === 'ring') await witness.settled(host, due.shard, await store.readHead(due.shard));
          return isSettled;
        },
        String,
      ),
    putRecord: (key, value, options) =>
      host.step(`put ${key.family.slice(0, 15)}`, true, () => store.putRecord(key, value, options), showKind),
    getRecord: (key) => host.step(`get ${key.family.slice(0, 15)}`, false, () => store.getRecord(key), quiet),
    deleteRecord: (key) => host.step(`delete ${key.family.slice(0, 15)}`, true, () => store.deleteRecord(key), quiet),
    listRecords: (family, after, limit) =>
      host.step('list', false, () => store.listRecords(family, after, limit), quiet),
    close: async () => {},
  };
}

/** One write, all of it or nothing: a shard that refuses its part refuses the others'. */
function appendAll(
  { store, witness, outages }: World,
  host: Host,
  appends: readonly ShardAppend[],
  accepts: Accepts,
): Promise<readonly AppendOutcome[] | undefined> {
  return host.step(
    `append to ${appends.length} shards`,
    true,
    async () => {
      for (const append of appends) {
        const head = await store.readHead(append.shard);
        if (outages.refusalOf(append.shard, append, head) !== undefined) return undefined;
      }
      const outcomes = await store.appendAll(appends, accepts);
      if (outcomes) witness.appendedAll(host, appends, outcomes);
      return outcomes;
    },
    (outcomes) => {
      if (!outcomes) return 'undone';
      return appends.map((append, i) => `${showAppend(append)} -> ${showHead(outcomes[i]?.head)}`).join('; ');
    },
  );
}

/** What is refused does not happen, unless nobody just hears of it. */
async function appendOrRefuse(
  { store, witness, outages }: World,
  host: Host,
  shard: string,
  append: Append,
): Promise<Answer> {
  witness.forwarding(append);
  const head = await store.readHead(shard);
  const refusal = outages.refusalOf(shard, append, head);
  if (refusal === 'damaged') witness.expect('CORRUPT');
  if (refusal !== undefined && refusal !== 'unheard') {
    return { refusal, outcome: head ? { kind: 'full', head, hasBlobs: false } : { kind: 'absent', head } };
  }
  const outcome = await store.append(shard, append);
  witness.appended(host, shard, append, outcome);
  return { refusal, outcome };
}

type Answer = { readonly outcome: AppendOutcome; readonly refusal: Refusal | undefined };

const copies = new WeakMap<Uint8Array, Uint8Array>();
const originals = new WeakMap<Uint8Array, Uint8Array>();

/** The head as if newer code had written its state: the version comes first in the array. */
function newer(head: Head): Head {
  if (!head.state) return head;
  const known = copies.get(head.state);
  if (known) return { ...head, state: known };
  const state = unpack('state', head.state, ([version, ...rest]) => pack([Number(version) + 8, ...rest]));
  copies.set(head.state, state);
  originals.set(state, head.state);
  return { ...head, state };
}
