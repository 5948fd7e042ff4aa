import { closeSync, openSync } from 'node:fs';
import type { BrokerError } from '../../model/errors.ts';
import { dataFile, type Opened, readOf, type Table } from './database.ts';
import {
  childOf,
  isValueSound,
  NO_PAGE,
  ROOT_OFFSET,
  readTreePage,
  readValue,
  type TreeNode,
  type TreePage,
} from './page-trees.ts';

/** Deeper than any tree. */
const MOST_LEVELS = 32;

export type Range = {
  /** The first key, if it is there. */
  readonly start: Buffer;
  /** Lies behind the last key; undefined: the range goes on to the end. */
  readonly end?: Buffer;
  readonly limit: number;
};

export type Keys = {
  readonly keys: readonly Buffer[];
  /** False if pages of the range are damaged: keys may be missing, those that are there are right. */
  readonly isWhole: boolean;
};

/** Told of each place that is damaged. */
export type OnDamage = (damage: BrokerError) => void;

export type Entries = Omit<Keys, 'keys'> & {
  readonly entries: readonly { readonly key: Buffer; readonly value: Buffer }[];
};

/** What a walk has found so far. */
type Walk = Range & {
  readonly nodes: TreeNode[];
  readonly removing: boolean;
  /** Pages that were visited: damage may lead in a circle. */
  readonly visited: Set<number>;
  isWhole: boolean;
};

/**
 * Reads ranges of the trees. A cursor of lmdb that moves on to a damaged page ends the process, so the pages are read
 * from the file here, and looked at before anything in them is believed; what is damaged is passed over.
 */
export class Ranges {
  readonly #opened: Opened;
  readonly #pages: { readonly file: number; readonly pageSize: number };

  constructor(opened: Opened, path: string) {
    this.#opened = opened;
    const { pageSize } = opened.env.getStats() as { readonly pageSize: number };
    this.#pages = { file: openSync(dataFile(path), 'r'), pageSize };
  }

  close(): void {
    closeSync(this.#pages.file);
  }

  keys(table: Table, range: Range): Keys {
    const { nodes, isWhole } = this.#walk(table, range, false);
    return { keys: nodes.map(({ key }) => key), isWhole };
  }

  /**
   * The same keys, to be removed: whole if also the pages beside them are sound, which a removal may join with theirs,
   * and the beginnings of those that hold their values.
   */
  keysToRemove(table: Table, range: Range): Keys {
    const { nodes, isWhole } = this.#walk(table, range, true);
    const areSound = isWhole && nodes.every((node) => isValueSound(node, this.#pages));
    return { keys: nodes.map(({ key }) => key), isWhole: areSound };
  }

  /** The keys with their values. */
  entries(table: Table, range: Range): Entries {
    const { nodes, isWhole } = this.#walk(table, range, false);
    const entries: { key: Buffer; value: Buffer }[] = [];
    for (const node of nodes) {
      const value = readValue(node, this.#pages);
      if (value) entries.push({ key: node.key, value });
    }
    return { entries, isWhole: isWhole && entries.length === nodes.length };
  }

  /**
   * Nothing waits in between: the read transaction that says where the tree begins is open meanwhile, and no page of it
   * is written over.
   */
  #walk(table: Table, range: Range, removing: boolean): Walk {
    const walk: Walk = { ...range, nodes: [], removing, visited: new Set(), isWhole: true };
    const name = Buffer.from(`${table}\0`);
    const root = readOf(this.#opened, { table }, () => this.#opened.env.getBinary(name))?.readBigUInt64LE(ROOT_OFFSET);
    if (root !== undefined && root !== NO_PAGE) this.#visit(walk, Number(root), MOST_LEVELS);
    return walk;
  }

  /** @returns whether the walk goes on behind this page */
  #visit(walk: Walk, number: number, levels: number): boolean {
    const isNew = levels > 0 && !walk.visited.has(number);
    const page = isNew ? readTreePage(this.#pages, number) : undefined;
    if (!page) {
      walk.isWhole = false;
      return true;
    }
    walk.visited.add(number);
    return page.isLeaf ? collect(walk, page) : this.#descend(walk, page, levels - 1);
  }

  #descend(walk: Walk, { nodes }: TreePage, levels: number): boolean {
    // The first key of a branch stands for all that come before the second one.
    const behind = nodes.findIndex(({ key }, at) => at > 0 && key.compare(walk.start) > 0);
    const first = (behind === -1 ? nodes.length : behind) - 1;
    const [before] = nodes.slice(Math.max(first - 1, 0), first);
    if (before) this.#lookBeside(walk, before, 'last', levels);
    for (let at = first; at < nodes.length; at++) {
      const node = nodes[at];
      if (!node) break;
      if (at > first && walk.end && node.key.compare(walk.end) >= 0) {
        this.#lookBeside(walk, node, 'first', levels);
        return false;
      }
      if (!this.#visit(walk, childOf(node), levels)) {
        const next = nodes[at + 1];
        if (next) this.#lookBeside(walk, next, 'first', levels);
        return false;
      }
    }
    return true;
  }

  /** Looks at what lies next to a range from which something is removed. */
  #lookBeside(walk: Walk, node: TreeNode, edge: 'first' | 'last', levels: number): void {
    if (!walk.removing || !walk.isWhole) return;
    const page = levels > 0 ? readTreePage(this.#pages, childOf(node)) : undefined;
    const next = edge === 'first' ? page?.nodes[0] : page?.nodes.at(-1);
    if (!page) walk.isWhole = false;
    else if (!page.isLeaf && next) this.#lookBeside(walk, next, edge, levels - 1);
  }
}

/** @returns whether the range goes on behind this leaf */
function collect(walk: Walk, { nodes }: TreePage): boolean {
  for (const node of nodes) {
    if (node.key.compare(walk.start) < 0) continue;
    if ((walk.end && node.key.compare(walk.end) >= 0) || walk.nodes.length >= walk.limit) return false;
    walk.nodes.push(node);
  }
  return walk.nodes.length < walk.limit;
}
