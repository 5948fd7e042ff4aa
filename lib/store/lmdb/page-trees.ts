import { readSync } from 'node:fs';

const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
/** Flags of a node in a leaf: its value is on pages of its own; its value is the root of a further tree. */
const BIG = 0x01;
const TREE = 0x02;
const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const POINTER_BYTES = 2;
const NUMBER_BYTES = 8;
/** What a tree without any page has as its root. */
export const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/** Where in a page its number, its kind and the end of its pointers are. */
const inPage = { number: 0, flags: 18, lower: 20 } as const;
/** Where in a node, before its key, the parts are; a branch's node begins with a page's number of 48 bits. */
const inNode = { sizeLow: 0, sizeHigh: 2, flags: 4, keyBytes: 6 } as const;
/** Where in the value of a node on pages of its own their first number and their count are. */
const inBigValue = { first: 0, pages: 16 } as const;
/** Where in the description of a tree its root is. */
export const ROOT_OFFSET = 40;

export type Pages = {
  /** A descriptor of the data file. */
  readonly file: number;
  readonly sizeBytes: number;
  readonly pageSize: number;
};

/** A page of a tree that is what its tree takes it for. */
export type TreePage = { readonly isLeaf: boolean; readonly nodes: readonly TreeNode[] };
/** The octets of a page from the beginning of a node on, and its key among them. */
export type TreeNode = { readonly octets: Buffer; readonly key: Buffer };

/**
 * Whether every page that the trees of these roots refer to is in the file, and is what they take it for. It reads
 * without mapping the file, all pages but those of large values: what is not there is found out, and nothing dies of it.
 * @see lmdb 3.5.6, `struct MDB_page_header`, `MDB_node`, `MDB_ovpage` and `MDB_db` in `mdb.c`
 */
export function areTreesWhole(pages: Pages, roots: readonly bigint[]): boolean {
  const seen = new Set<number>();
  const pending = roots.filter((root) => root !== NO_PAGE).map(Number);
  for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
    const page = seen.has(number) ? undefined : readTreePage(pages, number);
    const children = page && childrenOf(page, pages);
    if (!children) return false;
    seen.add(number);
    pending.push(...children);
  }
  return true;
}

/** Undefined if the page is not in the file, or is no page of a tree. */
export function readTreePage(pages: Pick<Pages, 'file' | 'pageSize'>, number: number): TreePage | undefined {
  const page = readPage(pages, number, pages.pageSize);
  if (!page) return undefined;
  const kind = page.readUInt16LE(inPage.flags) & (BRANCH | LEAF);
  const lower = page.readUInt16LE(inPage.lower);
  if ((kind !== BRANCH && kind !== LEAF) || HEADER_BYTES + lower > page.length) return undefined;
  const nodes: TreeNode[] = [];
  for (let at = 0; at < lower; at += POINTER_BYTES) {
    const octets = page.subarray(HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + at));
    if (octets.length < NODE_BYTES) return undefined;
    const keyBytes = octets.readUInt16LE(inNode.keyBytes);
    if (NODE_BYTES + keyBytes > octets.length) return undefined;
    nodes.push({ octets, key: octets.subarray(NODE_BYTES, NODE_BYTES + keyBytes) });
  }
  return { isLeaf: kind === LEAF, nodes };
}

/** The page to which a node of a branch refers. */
export function childOf({ octets }: TreeNode): number {
  return octets.readUIntLE(0, 6);
}

/** The value of a node of a leaf; undefined if the pages on which it lies are not what the leaf takes them for. */
export function readValue(node: TreeNode, pages: Pick<Pages, 'file' | 'pageSize'>): Buffer | undefined {
  const { octets } = node;
  const sizeBytes = octets.readUInt16LE(inNode.sizeLow) + octets.readUInt16LE(inNode.sizeHigh) * 0x1_0000;
  const inLeaf = valueIn(node);
  if ((octets.readUInt16LE(inNode.flags) & BIG) === 0) {
    return sizeBytes <= inLeaf.length ? inLeaf.subarray(0, sizeBytes) : undefined;
  }
  return inLeaf.length < inBigValue.first + NUMBER_BYTES
    ? undefined
    : readPage(pages, Number(inLeaf.readBigUInt64LE(inBigValue.first)), HEADER_BYTES + sizeBytes, OVERFLOW)?.subarray(
        HEADER_BYTES,
      );
}

/** Whether pages of its own on which the value lies, if it does, begin as such pages do: none of it is read but that. */
export function isValueSound(node: TreeNode, pages: Pick<Pages, 'file' | 'pageSize'>): boolean {
  if ((node.octets.readUInt16LE(inNode.flags) & BIG) === 0) return true;
  const value = valueIn(node);
  if (value.length < inBigValue.first + NUMBER_BYTES) return false;
  return readPage(pages, Number(value.readBigUInt64LE(inBigValue.first)), HEADER_BYTES, OVERFLOW) !== undefined;
}

/** From the beginning of a page on; undefined if it is not there, or is another, or is not of that kind. */
function readPage({ file, pageSize }: Pick<Pages, 'file' | 'pageSize'>, number: number, bytes: number, kind = 0) {
  const page = Buffer.alloc(bytes);
  const offset = number * pageSize;
  if (!Number.isSafeInteger(offset) || readSync(file, page, 0, bytes, offset) < bytes) return undefined;
  const isKind = (page.readUInt16LE(inPage.flags) & kind) === kind;
  return isKind && page.readBigUInt64LE(inPage.number) === BigInt(number) ? page : undefined;
}

/** The tree's pages below this one; undefined if it refers to trees or values that are not there. */
function childrenOf({ isLeaf, nodes }: TreePage, pages: Pages): readonly number[] | undefined {
  if (!isLeaf) return nodes.map(childOf);
  const children: number[] = [];
  for (const node of nodes) {
    if (!addTree(children, node) || !isValueThere(node, pages)) return undefined;
  }
  return children;
}

function valueIn({ octets, key }: TreeNode): Buffer {
  return octets.subarray(NODE_BYTES + key.length);
}

function addTree(children: number[], node: TreeNode): boolean {
  if ((node.octets.readUInt16LE(inNode.flags) & TREE) === 0) return true;
  const description = valueIn(node);
  if (description.length < ROOT_OFFSET + NUMBER_BYTES) return false;
  const root = description.readBigUInt64LE(ROOT_OFFSET);
  if (root !== NO_PAGE) children.push(Number(root));
  return true;
}

function isValueThere(node: TreeNode, { sizeBytes, pageSize }: Pages): boolean {
  if ((node.octets.readUInt16LE(inNode.flags) & BIG) === 0) return true;
  const value = valueIn(node);
  if (value.length < inBigValue.pages + NUMBER_BYTES) return false;
  const end = value.readBigUInt64LE(inBigValue.first) + value.readBigUInt64LE(inBigValue.pages);
  return end * BigInt(pageSize) <= BigInt(sizeBytes);
}
