import { vi } from 'vitest';
import type { Frame } from '../lib/stomp/frame.ts';
import { startOwn, subjectKind } from './subject.ts';
import { TokenIssuer } from './token-issuer.ts';
import { WebSocketStomp } from './web-socket-stomp.ts';

/** A broker that is closed to strangers, and short ways to come in. */
export type AccessSubject = {
  readonly url: string;
  readonly webSocketUrl: string;
  /** Whose tokens are taken. */
  readonly issuer: TokenIssuer;
  /** What was logged so far. */
  readonly logged: () => string;
  readonly administrator: string;
  readonly close: () => Promise<void>;
};

const password = 'open sesame';

const {
  CIRRUSMQ_URL,
  CIRRUSMQ_WEBSOCKET_URL,
  CIRRUSMQ_PASSWORD = password,
  CIRRUSMQ_ISSUER_URL,
  CIRRUSMQ_ISSUER_KEY,
} = process.env;

/** True where the broker is deployed, and this process sees nothing of its log. */
export const isRemote = subjectKind === 'remote';

/**
 * Starts a broker in this process; or finds a fresh deployed one, whose administrator `admin` has the password
 * `CIRRUSMQ_PASSWORD`, and whose issuer is at `CIRRUSMQ_ISSUER_URL` and signs with the private key `CIRRUSMQ_ISSUER_KEY`.
 */
export async function startAccessSubject(): Promise<AccessSubject> {
  const issuer =
    CIRRUSMQ_ISSUER_URL && CIRRUSMQ_ISSUER_KEY
      ? await TokenIssuer.of(CIRRUSMQ_ISSUER_URL, JSON.parse(CIRRUSMQ_ISSUER_KEY))
      : await TokenIssuer.open();
  if (isRemote && CIRRUSMQ_URL && CIRRUSMQ_WEBSOCKET_URL) {
    const administrator = basic('admin', CIRRUSMQ_PASSWORD);
    const urls = { url: CIRRUSMQ_URL.replace(/\/+$/, ''), webSocketUrl: CIRRUSMQ_WEBSOCKET_URL };
    return { ...urls, issuer, administrator, logged: () => '', close: () => issuer.close() };
  }
  const lines: string[] = [];
  const broker = await startOwn({
    access: {
      tokens: { issuer: issuer.url, audience: TokenIssuer.audience },
      administrator: { name: 'admin', password },
    },
    log: (event, details, error) =>
      lines.push(JSON.stringify({ event, details, error: String(error?.cause ?? error) })),
  });
  return {
    ...broker,
    issuer,
    logged: () => lines.join('\n'),
    administrator: basic('admin', password),
    async close() {
      await broker.close();
      await issuer.close();
    },
  };
}

/** Longer than a function of a deployed broker goes by what it last read of a user. */
const CHANGE_SHOWS_MS = 15_000;
const ASK_AGAIN_MS = 500;

/** What a change of a user allows: at once, or, where other processes know the user as it was, in some seconds. */
export async function inTime<T>(work: () => Promise<T>): Promise<T> {
  if (!isRemote) return await work();
  return await vi.waitFor(work, { timeout: CHANGE_SHOWS_MS, interval: ASK_AGAIN_MS });
}

/** An `Authorization` header. */
export function basic(name: string, secret: string): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
}

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly json: { readonly [key: string]: never };
};

/** Asks over REST. */
export async function ask(
  { url }: AccessSubject,
  authorization: string | undefined,
  method: string,
  path: string,
  json?: unknown,
): Promise<Answer> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { ...(authorization ? { authorization } : {}), ...(json ? { 'content-type': 'application/json' } : {}) },
    ...(json ? { body: JSON.stringify(json) } : {}),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text ? JSON.parse(text) : {} };
}

/** Makes a user of this password, with these rules, or changes it. @returns its `Authorization` header */
export async function makeUser(
  subject: AccessSubject,
  name: string,
  rules: readonly string[],
  secret = `secret of ${name}`,
): Promise<string> {
  const { status } = await ask(subject, subject.administrator, 'PUT', `/v1/users/${name}`, { password: secret, rules });
  if (status !== 200) throw new Error(`The user ${name} was not made: ${status}.`);
  return basic(name, secret);
}

/** Opens a socket, which is not refused. */
export async function openSocket({ webSocketUrl }: AccessSubject, authorization?: string): Promise<WebSocketStomp> {
  const socket = await WebSocketStomp.open(webSocketUrl, authorization);
  if (typeof socket === 'number') throw new Error(`The upgrade was refused: ${socket}.`);
  return socket;
}

export function connectFrame(login?: string, passcode?: string): string {
  const headers = [
    login === undefined ? [] : [`login:${login}`],
    passcode === undefined ? [] : [`passcode:${passcode}`],
  ];
  return `CONNECT\naccept-version:1.2\nhost:any\n${headers
    .flat()
    .map((line) => `${line}\n`)
    .join('')}\n\0`;
}

/** A session of a user whose password is as `makeUser` makes it. */
export async function logIn(
  subject: AccessSubject,
  name: string,
  secret = `secret of ${name}`,
): Promise<WebSocketStomp> {
  const socket = await openSocket(subject);
  const answer = await socket.ask(connectFrame(name, secret));
  if (answer.command !== 'CONNECTED') throw new Error(`${answer.command}: ${textOf(answer)}`);
  return socket;
}

export function textOf(frame: Frame): string {
  return Buffer.from(frame.body).toString();
}
