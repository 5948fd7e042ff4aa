import type { Broker } from '../../../lib/broker/broker.ts';
import type { Limits } from '../../../lib/model/limits.ts';
import { type RestOptions, restApi } from '../../../lib/rest/api.ts';
import { memoryBroker } from './broker.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a reply holds is what the tests are about
type Json = any;

type Answer = { readonly status: number; readonly json: Json; readonly headers: Headers };

/** The REST interface of a broker in memory, and short ways to ask it. */
export class ApiClient {
  readonly broker: Broker;
  readonly #app: ReturnType<typeof restApi>;

  constructor(limits: Partial<Limits> = {}, options: Partial<RestOptions> = {}, parts: Partial<Broker> = {}) {
    this.broker = memoryBroker(limits, parts);
    this.#app = restApi({ broker: this.broker, version: '1.2.3', ...options });
  }

  async request(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await this.#app.request(path, { ...init, method });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
  }

  /** Asks with JSON, or with a text that is sent as such. */
  ask(method: string, path: string, json?: unknown): Promise<Answer> {
    if (json === undefined) return this.request(method, path);
    const body = typeof json === 'string' ? json : JSON.stringify(json);
    return this.request(method, path, { body, headers: { 'content-type': 'application/json' } });
  }

  post(path: string, json?: unknown): Promise<Answer> {
    return this.ask('POST', path, json);
  }

  raw(path: string, body: Uint8Array<ArrayBuffer> | string, type: string): Promise<Answer> {
    return this.request('POST', path, { body, headers: { 'content-type': type } });
  }
}
