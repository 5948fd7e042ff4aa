import { pack, unpack } from '../../lib/shard/packing.ts';
import type { Append, Commit, Head, Steal, Store } from '../../lib/store/port.ts';
import type { Host } from './host.ts';
import { showAppend, showHead, showKind } from './story.ts';
import type { World } from './world.ts';

const LOOK_MS = 150;

/** The store as one host sees it: each call is a step of its own, and what it changes is witnessed. */
export function simulatedStore(world: World, host: Host): Store {
  const { store, prng, witness } = world;
  const seen = <T extends { readonly head: Head | undefined }>(outcome: T): T =>
    host.options.isOldCode && outcome.head?.state && !witness.oldStates.has(outcome.head.state)
      ? { ...outcome, head: newer(outcome.head) }
      : outcome;
  const quiet = () => '';

  return {
    append: (shard: string, append: Append) =>
      host.step(
        `append ${shard}`,
        true,
        async () => {
          const outcome = await store.append(shard, append);
          witness.appended(shard, append, outcome);
          return seen(outcome);
        },
        (outcome) => `${outcome.kind} ${showAppend(append)} -> ${showHead(outcome.head)}`,
      ),
    commit: (shard: string, commit: Commit) =>
      host.step(
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
      ),
    steal: (shard: string, steal: Steal) =>
      host.step(
        `steal ${shard}`,
        true,
        async () => {
          const before = await store.readHead(shard);
          const outcome = await store.steal(shard, steal);
          if (outcome.kind === 'stolen') witness.stolen(host, shard, before, outcome.head);
          return seen(outcome);
        },
        (outcome) => `${outcome.kind} -> ${showHead(outcome.head)}`,
      ),
    readHead: (shard) =>
      host.step(
        `read ${shard}`,
        false,
        async () => seen({ head: await store.readHead(shard) }).head,
        (head) => showHead(head),
      ),
    removeHead: (shard, rings, discard) =>
      host.step(
        `remove ${shard}`,
        true,
        async () => {
          const before = await store.readHead(shard);
          const isRemoved = await store.removeHead(shard, rings, discard);
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
    extendBlobs: (shard, keys, expiresAt) =>
      host.step(`extend ${keys.length} of ${shard}`, true, () => store.extendBlobs(shard, keys, expiresAt), quiet),
    transact: (shard, blobs) => host.step(`transact ${shard}`, true, () => store.transact(shard, blobs), showKind),
    due: (minute, limit) =>
      host.step(
        'due',
        false,
        () => store.due(minute, limit),
        (dues) => `${dues.length}`,
      ),
    settle: (due, rings) =>
      host.step(
        `settle ${due.kind} of ${due.shard}`,
        true,
        async () => {
          const isSettled = await store.settle(due, rings);
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

const copies = new WeakMap<Uint8Array, Uint8Array>();

/** The head as if newer code had written its state: the version comes first in the array. */
function newer(head: Head): Head {
  if (!head.state) return head;
  const known = copies.get(head.state);
  if (known) return { ...head, state: known };
  const state = unpack('state', head.state, ([version, ...rest]) => pack([Number(version) + 1, ...rest]));
  copies.set(head.state, state);
  return { ...head, state };
}
