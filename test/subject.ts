import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { cloudLimits, type Limits, localLimits } from '../lib/model/limits.ts';
import type { BrokerOptions, RunningBroker } from '../lib/server/options.ts';
import { startBroker } from '../lib/server/start-broker.ts';

/**
 * What the protocol tests talk to, by `CIRRUSMQ_SUBJECT`:
 * - `local`: a broker in this process, whose sockets keep order;
 * - `strict`: a broker in this process behind the model of API Gateway, which shuffles by `CIRRUSMQ_SEED`;
 * - `remote`: a broker that runs already, at `CIRRUSMQ_URL` and `CIRRUSMQ_WEBSOCKET_URL`, such as a deployed one.
 */
export type SubjectKind = 'local' | 'strict' | 'remote';

export type Subject = {
  /** REST. */
  readonly url: string;
  /** STOMP over WebSocket. */
  readonly webSocketUrl: string;
  /** What `RawStomp` opens: plain TCP where there is such. */
  readonly rawUrl: string;
  readonly close: () => Promise<void>;
};

const { CIRRUSMQ_SUBJECT, CIRRUSMQ_SEED = '1', CIRRUSMQ_URL, CIRRUSMQ_WEBSOCKET_URL } = process.env;

export const subjectKind = kindOf(CIRRUSMQ_SUBJECT ?? (CIRRUSMQ_URL && CIRRUSMQ_WEBSOCKET_URL ? 'remote' : 'local'));

/** The bounds that the subject keeps. */
export const subjectLimits: Limits = subjectKind === 'local' ? localLimits : cloudLimits;

/** Worse than the cloud is on most days. */
const harsh = { refusedPosts: 0.03, lostDisconnects: 0.2 };

/** A lost `$disconnect` is found out by a probe: a test does not wait for a minute. */
const PROBE_MS = 2000;

function kindOf(name: string): SubjectKind {
  if (name === 'local' || name === 'strict' || name === 'remote') return name;
  throw new Error(`CIRRUSMQ_SUBJECT is local, strict or remote, not ${name}.`);
}

/**
 * Starts a broker, or finds the one that runs.
 * @param limits for a broker of the test's own: such a test is one of `itOwn`
 */
export async function startSubject(limits: Partial<Limits> = {}): Promise<Subject> {
  if (subjectKind === 'remote') {
    if (!CIRRUSMQ_URL || !CIRRUSMQ_WEBSOCKET_URL) throw new Error('CIRRUSMQ_URL and CIRRUSMQ_WEBSOCKET_URL say where.');
    const webSocketUrl = CIRRUSMQ_WEBSOCKET_URL;
    return { url: CIRRUSMQ_URL.replace(/\/+$/, ''), webSocketUrl, rawUrl: webSocketUrl, close: async () => {} };
  }
  const broker = await startOwn({ limits: { probeMs: PROBE_MS, ...limits } });
  return { ...broker, rawUrl: broker.stompUrl || broker.webSocketUrl };
}

/** Starts a broker in this process, of the kind that the subject is. */
export function startOwn(options: BrokerOptions): Promise<RunningBroker> {
  const strict = subjectKind === 'strict' ? { strict: { seed: Number(CIRRUSMQ_SEED), ...harsh } } : {};
  return startBroker({ port: 0, memory: true, ...strict, ...options });
}

const run = randomBytes(4).toString('hex');
let names = 0;

/** The name of a queue that no other test, and no other run, has used. */
export function freshName(): string {
  return `t-${run}-${process.pid}-${++names}`;
}

type Test = () => void | Promise<void>;

function testOn(kinds: readonly SubjectKind[]) {
  return (why: string, title: string, test: Test) => {
    if (kinds.includes(subjectKind)) it(title, test);
    else it.skip(`${title} (SKIPPED on ${subjectKind}: ${why})`, test);
  };
}

/** A test that needs what an ordered transport alone gives; `why` says what. */
export const itOrdered = testOn(['local']);

/** A test of what API Gateway does. */
export const itUnordered = testOn(['strict', 'remote']);

/** A test that needs a broker of its own, in this process; `why` says for what. */
export const itOwn = testOn(['local', 'strict']);

/** Tests that need what an ordered transport alone gives; `why` says what. */
export function describeOrdered(why: string, title: string, tests: () => void): void {
  if (subjectKind === 'local') describe(title, tests);
  else describe.skip(`${title} (SKIPPED on ${subjectKind}: ${why})`, tests);
}
