import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Broker } from '../../../lib/broker/broker.ts';
import type { Limits } from '../../../lib/model/limits.ts';
import { restApi } from '../../../lib/rest/api.ts';
import { memoryBroker } from '../rest/broker.ts';

const main = new URL('../../../lib/cli/main.ts', import.meta.url).pathname;

/** What a command did. */
type Ran = { readonly code: number | null; readonly out: Buffer; readonly err: string };

/** The REST interface of a broker in memory, on a port of its own, and commands that are run against it. */
export class CommandLine {
  readonly broker: Broker;
  readonly #server: Server;
  /** The requests so far, e.g. `POST /v1/queues/orders/messages`. */
  readonly requests: string[] = [];
  /** Where it is, or was, open. */
  url = '';

  constructor(limits: Partial<Limits> = {}, parts: Partial<Broker> = {}) {
    this.broker = memoryBroker(limits, parts);
    const app = restApi({ broker: this.broker, version: '1' });
    this.#server = createServer(async (request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const init: RequestInit = { headers: request.headers as Record<string, string>, method: request.method ?? '' };
      if (chunks.length > 0) init.body = Buffer.concat(chunks);
      const reply = await app.request(request.url ?? '/', init);
      response.writeHead(reply.status, Object.fromEntries(reply.headers)).end(Buffer.from(await reply.arrayBuffer()));
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Runs a command to its end; what is not given on standard input is an end of file. */
  run(args: readonly string[], stdin: string | Uint8Array = '', env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const child = spawn(process.execPath, [main, ...args], {
      env: { ...process.env, CIRRUSMQ_URL: this.url, ...env },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out: Buffer.concat(out), err: String(Buffer.concat(err)) }));
    });
  }
}
