import { BrokerError } from './errors.ts';
import { LEAST_POST_MS, type Limits } from './limits.ts';

type Name = { [K in keyof Limits]: Limits[K] extends number ? K : never }[keyof Limits];
type Bounds = readonly [least: number, most: number];

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

/** What clients put into a frame by themselves, such as accept-version, host, login, passcode, heart-beat, client-id. */
const HEADERS = 8;
/** Such a CONNECT, with credentials. */
const CONNECT_BYTES = 512;

const octets: Bounds = [1, 512 * MiB];
const count: Bounds = [1, 100_000];
const time: Bounds = [1, DAY_MS];
const timeOrNone: Bounds = [0, DAY_MS];

/** From the least with which the broker works at all to the most that a process can hold, or a number can say. */
const anywhere: Readonly<Record<Name, Bounds>> = {
  bodyBytes: octets,
  deliveryBytes: octets,
  frameBytes: [CONNECT_BYTES, 512 * MiB],
  headerCount: [HEADERS, 100_000],
  headerBytes: [64, MiB],
  // `/queue/DLQ.a`: with less there is no queue.
  destinationBytes: [12, KiB],
  subscriptionIdBytes: [1, KiB],
  subscriptionsPerConnection: count,
  postBytes: octets,
  batchCount: count,
  batchBytes: octets,
  prefetchDefault: count,
  prefetchMax: count,
  inFlightPerShard: count,
  consumersPerShard: count,
  outgoingBytes: [1, 64 * MiB],
  turnMessages: count,
  turnBytes: octets,
  inboxEntries: [1, 65_536],
  inboxReserve: [0, 65_535],
  // Pages of a single reference would lead to one another for ever.
  referencesPerLevel: [2, 4096],
  deliveries: [1, 1000],
  // A turn reads within it, pushes, and commits.
  leaseMs: [20, HOUR_MS],
  skewMs: [0, HOUR_MS],
  postMs: [LEAST_POST_MS, DAY_MS],
  postsAtOnce: [1, 10_000],
  unknownPostMs: time,
  waitMs: timeOrNone,
  requestMs: [10, DAY_MS],
  visibilityMs: time,
  visibilityMaxMs: [1, 365 * DAY_MS],
  replyBytes: [MiB, 512 * MiB],
  receiveCount: count,
  browseCount: count,
  retryMs: timeOrNone,
  // Expiries are in whole seconds.
  retentionMs: [SECOND_MS, 10 * 365 * DAY_MS],
  probeMs: [SECOND_MS, DAY_MS],
  probeMaxMs: [SECOND_MS, DAY_MS],
  frameIdleMs: time,
  heartBeatSendMs: timeOrNone,
  heartBeatReceiveMs: timeOrNone,
};

/** An item has 400 KB, and an expression that takes entries out of an inbox 4 KB. */
const inItems: Partial<Record<Name, Bounds>> = {
  deliveryBytes: [1, 384 * KiB],
  batchBytes: [1, 384 * KiB],
  subscriptionIdBytes: [1, 256],
  subscriptionsPerConnection: [1, 512],
  inFlightPerShard: [1, 2048],
  consumersPerShard: [1, 256],
  outgoingBytes: [1, 192 * KiB],
  inboxEntries: [1, 256],
  inboxReserve: [0, 255],
  referencesPerLevel: [2, 256],
  // Each of a turn's reads and writes takes milliseconds there.
  leaseMs: [100, HOUR_MS],
  // Bodies go by their expiry there, and a sweep that keeps them alive comes once a minute.
  retentionMs: [HOUR_MS, 10 * 365 * DAY_MS],
};

/** A message through API Gateway has 128 KB, and 2 KB of it are for the broker's headers; a function's reply has 6 MB, and a request ends after 29 s. */
const throughGateway: Partial<Record<Name, Bounds>> = {
  deliveryBytes: [1, 126 * KiB],
  frameBytes: [CONNECT_BYTES, 128 * KiB],
  postBytes: [1, 128 * KiB],
  replyBytes: [MiB, 5 * MiB],
  postMs: [LEAST_POST_MS, 25 * SECOND_MS],
  waitMs: [0, 25 * SECOND_MS],
  requestMs: [10, 28 * SECOND_MS],
  retryMs: [0, 25 * SECOND_MS],
};

const boundsOf: Readonly<Record<Limits['profile'], Readonly<Record<Name, Bounds>>>> = {
  local: anywhere,
  localOnDynamo: { ...anywhere, ...inItems },
  cloud: { ...anywhere, ...inItems, ...throughGateway },
};

/** The former is at most as much as the latter. */
const order: readonly (readonly [less: Name, more: Name])[] = [
  ['bodyBytes', 'deliveryBytes'],
  ['deliveryBytes', 'batchBytes'],
  ['prefetchDefault', 'prefetchMax'],
  ['waitMs', 'requestMs'],
  ['visibilityMs', 'visibilityMaxMs'],
  ['probeMs', 'probeMaxMs'],
];

/** What a SEND with the shortest of lines takes besides its body and its destination. */
const SEND_BYTES = 'SEND\ndestination:\n\n\0'.length;

/** An ACK: what is not its token; and what the token holds besides the destination. */
const ACK_BYTES = 'ACK\n\n\n\0'.length;
const TOKEN_BYTES = 40;

/** The longest header that names a delivery: in base64, with the destination in it. */
function ackHeaderBytes({ destinationBytes }: Limits): number {
  return 'id:'.length + Math.ceil(((destinationBytes + TOKEN_BYTES) * 4) / 3);
}

/** References of a full inbox, a batch of each kind of message in turn, that one page may have to list. */
const PAGE_REFERENCES = 7000;

/**
 * A profile with some of its limits changed. One that is undefined, or all of them, stays as the profile has it.
 * @param changes limits by their names, from whatever source
 * @throws BrokerError INVALID_REQUEST naming every limit that is not valid, and what is
 */
export function withLimits(profile: Limits, changes: unknown = {}): Limits {
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) {
    refuse([`The limits are an object like {"deliveries": 3}, not ${shown(changes)}.`]);
  }
  const given = Object.fromEntries(Object.entries(changes as object).filter(([, value]) => value !== undefined));
  const unknown = Object.keys(given).filter((name) => !isName(name));
  const limits: Limits = { ...profile, ...given };
  const names = Object.keys(boundsOf[profile.profile]);
  const allowed = `there is none of this name; there are ${[...names, 'textOnly'].join(', ')}`;
  refuse([...unknown.map((name) => fault(name, allowed)), ...faultsOf({ ...limits, profile: profile.profile })]);
  return limits;
}

/**
 * Whether limits can be kept, each by itself and all together.
 * @throws BrokerError INVALID_REQUEST naming every limit that is not valid, and what is
 */
export function checkLimits(limits: Limits): void {
  refuse(faultsOf(limits));
}

function isName(name: string): boolean {
  return name === 'textOnly' || Object.hasOwn(anywhere, name);
}

function faultsOf(limits: Limits): readonly string[] {
  const bounds = boundsOf[limits.profile];
  const single = (Object.keys(bounds) as Name[]).flatMap((name) => boundFault(name, limits[name], bounds[name]));
  if (typeof limits.textOnly !== 'boolean') single.push(fault('textOnly', 'it is true or false'));
  return single.length > 0 ? single : togetherFaults(limits);
}

function boundFault(name: Name, value: unknown, [least, most]: Bounds): string[] {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return [];
  return [fault(name, `it is a whole number from ${least} to ${most}, not ${shown(value)}`)];
}

function togetherFaults(limits: Limits): readonly string[] {
  const { profile, bodyBytes, frameBytes, destinationBytes, inboxEntries, inboxReserve, batchCount } = limits;
  const faults = order
    .filter(([less, more]) => limits[less] > limits[more])
    .map(([less, more]) => fault(less, `it is at most ${quoted(more)}, which is ${limits[more]}, not ${limits[less]}`));
  const roomBytes = frameBytes - destinationBytes - SEND_BYTES;
  if (bodyBytes > roomBytes) {
    const why = `a frame with a destination has room for ${roomBytes}, since "frameBytes" is ${frameBytes}, not for ${bodyBytes}`;
    faults.push(fault('bodyBytes', why));
  }
  for (const [name, leastBytes] of [
    ['headerBytes', ackHeaderBytes(limits)],
    ['frameBytes', ACK_BYTES + ackHeaderBytes(limits)],
  ] as const) {
    if (limits[name] >= leastBytes) continue;
    const why = `with a "destinationBytes" of ${destinationBytes} it is at least ${leastBytes}, not ${limits[name]}: an ACK names its delivery by a token with the destination in it`;
    faults.push(fault(name, why));
  }
  if (inboxReserve >= inboxEntries) {
    const why = `it is less than "inboxEntries", which is ${inboxEntries}, not ${inboxReserve}: nothing could be sent`;
    faults.push(fault('inboxReserve', why));
  }
  if (profile !== 'local' && inboxEntries * batchCount > PAGE_REFERENCES) {
    const most = Math.floor(PAGE_REFERENCES / inboxEntries);
    const why = `with an "inboxEntries" of ${inboxEntries} it is at most ${most}, not ${batchCount}: an item holds no more`;
    faults.push(fault('batchCount', why));
  }
  return faults;
}

/** Whatever it is, in a few words: not all of it can be written as JSON. */
function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.length === 0 ? '[]' : 'an array';
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}

function fault(name: string, why: string): string {
  return `The limit ${quoted(name)} is not valid: ${why}.`;
}

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new BrokerError('INVALID_REQUEST', faults.join(' '));
}
