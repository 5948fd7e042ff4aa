import { isUtf8 } from 'node:buffer';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { outcomeOfStatus, type Push } from '../../gateway/push.ts';
import { Afterwards } from '../../handlers/afterwards.ts';
import type { SocketEvent } from '../../handlers/events.ts';
import type { Front } from '../front.ts';
import { refuseUpgrade } from '../websocket.ts';
import type { Chance } from './chance.ts';
import type { Environments } from './environments.ts';
import { GatewayConnection } from './gateway-connection.ts';
import { MESSAGE_BYTES, type Rules, URL_CHARACTERS } from './rules.ts';
import { TokenBucket } from './token-bucket.ts';

/** What an upgrade is answered that is not taken. */
type Refusal = { readonly status: string; readonly headers?: Readonly<Record<string, string>> };

const PROTOCOL_HEADER = 'Sec-WebSocket-Protocol';

/**
 * A model of an API Gateway WebSocket API: each message is an invocation of its own, begun in no order; posts are
 * throttled; `$disconnect` may never come. What it draws depends on the seed and on the numbers of the connection and
 * of the message.
 */
export class Gateway {
  readonly #environments: Environments;
  readonly #rules: Rules;
  readonly #chance: Chance;
  readonly #newId: () => string;
  readonly #server: WebSocketServer;
  readonly #protocols = new WeakMap<IncomingMessage, string>();
  readonly #connections = new Map<string, GatewayConnection>();
  readonly #underWay = new Afterwards(() => {});
  readonly #posts: TokenBucket;
  readonly #connects: TokenBucket;
  #count = 0;
  #isDraining = false;
  #isStopped = false;

  constructor(environments: Environments, rules: Rules, chance: Chance, newId: () => string) {
    this.#environments = environments;
    this.#rules = rules;
    this.#chance = chance;
    this.#newId = newId;
    this.#posts = new TokenBucket(rules.postsPerSecond);
    this.#connects = new TokenBucket(rules.connectsPerSecond);
    this.#server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: MESSAGE_BYTES,
      handleProtocols: (_offered, request) => this.#protocols.get(request) ?? false,
    });
  }

  /** Asks `$connect`, and opens the connection only after its answer. */
  readonly upgrade: Front['upgrade'] = (request, socket, head) => {
    this.#underWay.defer(async () => {
      const refusal = await this.#open(request, socket, head);
      if (refusal) refuseUpgrade(socket, refusal.status, refusal.headers);
    });
  };

  /** @returns the HTTP status that the `@connections` API would answer with */
  readonly post = async (id: string, octets: Uint8Array): Promise<number> => {
    if (this.#isStopped || !this.#posts.take()) return 429;
    if (octets.byteLength > MESSAGE_BYTES) return 413;
    if (!isUtf8(octets)) return 400;
    const connection = this.#connections.get(id);
    if (!connection) return 410;
    const name = `post ${connection.number}.${connection.nextPost()}`;
    if (this.#chance(`${name} refused`) < this.#rules.refusedPosts) return 429;
    await this.#shuffle(name);
    const isTaken = connection.send(octets);
    if (this.#chance(`${name} unknown`) < this.#rules.unknownPosts) return 500;
    return isTaken ? 200 : 410;
  };

  readonly push: Push = {
    post: async (id, octets) => outcomeOfStatus(await this.post(id, octets)),
    close: async (id) => {
      const connection = this.#connections.get(id);
      this.#connections.delete(id);
      connection?.close();
    },
    isOpen: async (id) => this.#connections.has(id),
  };

  /** Takes nothing more, and resolves when what was received is handled. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#underWay.idle();
  }

  /** Posts nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  destroy(): void {
    this.#isDraining = true;
    for (const connection of this.#connections.values()) connection.destroy();
  }

  async #open(...[request, socket, head]: Parameters<Front['upgrade']>): Promise<Refusal | undefined> {
    if (this.#isDraining) return { status: '503 Service Unavailable' };
    if ((request.url ?? '').length > URL_CHARACTERS) return { status: '414 URI Too Long' };
    if (!this.#connects.take()) return { status: '429 Too Many Requests' };
    const id = this.#newId();
    const number = ++this.#count;
    const event: SocketEvent = { ...eventOf(id, '$connect', 'CONNECT'), ...upgradeOf(request) };
    const fail = () => socket.destroy();
    socket.on('error', fail);
    const reply = await this.#environments.invoke(({ connect }) => connect(event)).catch(() => undefined);
    socket.off('error', fail);
    if (!reply) return { status: '502 Bad Gateway' };
    const { statusCode, headers } = reply;
    if (statusCode !== 200) return { status: `${statusCode} ${STATUS_CODES[statusCode]}`, headers };
    const protocol = headers[PROTOCOL_HEADER];
    if (protocol !== undefined) this.#protocols.set(request, protocol);
    if (socket.destroyed) return void this.#disconnect(id, number);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection: GatewayConnection = new GatewayConnection(number, webSocket, socket, this.#rules, {
        onMessage: (text, message) => this.#take(id, connection, text, message),
        onEnd: () => this.#disconnect(id, number),
      });
      this.#connections.set(id, connection);
    });
    return undefined;
  }

  #take(id: string, connection: GatewayConnection, body: string, message: number): void {
    if (this.#isDraining) return;
    this.#underWay.defer(async () => {
      await this.#shuffle(`message ${connection.number}.${message}`);
      const event: SocketEvent = { ...eventOf(id, '$default', 'MESSAGE'), body, isBase64Encoded: false };
      const invocation = this.#environments.invoke(({ frame }) => frame(event));
      const failure = await this.#failureOf(invocation);
      if (failure) connection.send(Buffer.from(JSON.stringify({ message: failure, connectionId: id })));
      await invocation.catch(() => {});
    });
  }

  /** The gateway answers for a function that failed, or that takes too long; that one goes on all the same. */
  async #failureOf(invocation: Promise<unknown>): Promise<string | undefined> {
    const clock = new AbortController();
    const late = sleep(this.#rules.integrationMs, 'Endpoint request timed out', { signal: clock.signal });
    const done = invocation.then(
      () => undefined,
      () => 'Internal server error',
    );
    const failure = await Promise.race([done, late.catch(() => undefined)]);
    clock.abort();
    return failure;
  }

  #disconnect(id: string, number: number): void {
    this.#connections.delete(id);
    if (this.#isDraining || this.#chance(`disconnect ${number}`) < this.#rules.lostDisconnects) return;
    const event = eventOf(id, '$disconnect', 'DISCONNECT');
    this.#underWay.defer(async () => {
      await this.#shuffle(`disconnect ${number} late`);
      await this.#environments.invoke(({ disconnect }) => disconnect(event));
    });
  }

  async #shuffle(name: string): Promise<void> {
    await sleep(this.#chance(name) * this.#rules.shuffleMs);
  }
}

function eventOf(connectionId: string, routeKey: string, eventType: 'CONNECT' | 'MESSAGE' | 'DISCONNECT'): SocketEvent {
  return { requestContext: { connectionId, routeKey, eventType, stage: 'strict' } } as SocketEvent;
}

/** What the event of `$connect` has of an upgrade; those of the connection's messages have nothing of it. */
function upgradeOf({ headers, url = '' }: IncomingMessage): Pick<SocketEvent, 'headers' | 'queryStringParameters'> {
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    queryStringParameters: Object.fromEntries(new URLSearchParams(url.split('?', 2)[1])),
  };
}
