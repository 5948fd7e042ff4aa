import type { Failure } from '../rest/failures.ts';
import { isLoopbackHost } from '../rest/origin.ts';
import { CommandFailure, exitCodes, wrongUsage } from './exit.ts';
import type { BrokerOptions } from './options.ts';
import { readSecret } from './secret.ts';

/** How long a broker may take, besides what it is asked to wait. */
const ANSWER_MS = 60_000;

/** Asks a broker over REST. */
export class RestClient {
  readonly #url: string;
  readonly #authorization: Readonly<Record<string, string>>;

  /** @throws CommandFailure if credentials are incomplete, or would travel where everybody on the way can read them */
  constructor({ url, user, passwordFile, insecure }: Omit<BrokerOptions, 'json'>) {
    this.#url = url;
    this.#authorization = authorizationOf(user, passwordFile);
    const { protocol, host } = new URL(url);
    const isReadable = protocol === 'http:' && !isLoopbackHost(host);
    if (isReadable && this.#authorization.authorization !== undefined && !insecure) {
      throw wrongUsage(
        `Credentials would go to ${host} in clear, over http: give an https address, or --insecure where nobody listens.`,
      );
    }
  }

  /**
   * Sends a request and reads the JSON of the reply. Where every entry of a request was refused, each has its outcome
   * in the reply: that is no failure here.
   * @param waitMs how long the broker is asked to wait
   * @throws CommandFailure with the broker's code and message, or if it cannot be reached
   */
  async call<T>(method: string, path: string, json?: unknown, waitMs = 0): Promise<T> {
    const { status, text } = await this.#exchange(method, path, json, waitMs);
    if (status === 204) return undefined as T;
    const reply = parse(text);
    if (reply === undefined || (status >= 400 && !reply.error)) {
      throw new CommandFailure(`${this.#url} did not answer as a CirrusMQ broker does (HTTP ${status}).`);
    }
    if (reply.error && !reply.results) throw new CommandFailure(`${reply.error.code}: ${reply.error.message}`);
    return reply as T;
  }

  async #exchange(
    method: string,
    path: string,
    json: unknown,
    waitMs: number,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const headers = { 'content-type': 'application/json', ...this.#authorization };
    const signal = AbortSignal.timeout(Math.ceil(waitMs) + ANSWER_MS);
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    try {
      const response = await fetch(`${this.#url}${path}`, { method, headers, signal, ...body });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      throw new CommandFailure(`${this.#url} cannot be reached: ${reasonOf(error)}.`, exitCodes.unreachable, error);
    }
  }
}

/** A password goes with a user, a token goes alone. */
function authorizationOf(user: string | undefined, passwordFile: string | undefined): Record<string, string> {
  const { CIRRUSMQ_PASSWORD, CIRRUSMQ_TOKEN } = process.env;
  if (user === undefined && passwordFile !== undefined) throw wrongUsage('--password-file needs --user.');
  if (user === undefined) return CIRRUSMQ_TOKEN ? { authorization: `Bearer ${CIRRUSMQ_TOKEN}` } : {};
  const password = passwordFile === undefined ? CIRRUSMQ_PASSWORD : readSecret(passwordFile);
  if (password === undefined) {
    throw wrongUsage(`The password of ${user} is missing: give --password-file, or CIRRUSMQ_PASSWORD.`);
  }
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

function parse(text: string): { readonly error?: Failure; readonly results?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'it did not answer in time';
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause ? String(cause.code) : cause.message;
}

/** The path of a queue, e.g. `/v1/queues/orders/eu`. */
export function pathOf(queue: string): string {
  return `/v1/queues/${queue.split('/').map(encodeURIComponent).join('/')}`;
}
