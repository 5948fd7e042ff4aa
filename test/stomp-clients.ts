import { connect as connectTcp } from 'node:net';
import { Client, type IFrame, type IMessage, type IStompSocket, type StompHeaders } from '@stomp/stompjs';
import { WebSocket } from 'ws';

/** A connected @stomp/stompjs client; `closed` resolves when its socket is gone. */
export type Connected = {
  readonly client: Client;
  /** What the broker calls the connection. */
  readonly session: string;
  readonly closed: Promise<void>;
  readonly error: () => IFrame | undefined;
};

/** Connects an unmodified @stomp/stompjs client over WebSocket or, for a tcp:// URL, over plain TCP. */
export function connect(url: string, headers: StompHeaders = {}): Promise<Connected> {
  return new Promise((resolve, reject) => {
    const closed = Promise.withResolvers<void>();
    let error: IFrame | undefined;
    const client = new Client({
      webSocketFactory: () => socketOf(url),
      connectHeaders: headers,
      reconnectDelay: 0,
      heartbeatIncoming: 0,
      heartbeatOutgoing: 0,
      onConnect: ({ headers: { session = '' } }) =>
        resolve({ client, session, closed: closed.promise, error: () => error }),
      onStompError: (frame) => {
        error = frame;
        reject(new Error(`ERROR frame: ${frame.headers.message}: ${frame.body}`));
      },
      onWebSocketError: (event) =>
        reject(new Error(`socket error: ${(event as { message?: string }).message ?? 'unknown'}`)),
      onWebSocketClose: () => {
        reject(new Error('the socket closed'));
        closed.resolve();
      },
    });
    client.activate();
  });
}

/** What @stomp/stompjs speaks through: a WebSocket or, for a tcp:// URL, a TCP socket. */
export function socketOf(url: string): IStompSocket {
  return (url.startsWith('tcp:') ? new TcpAsWebSocket(url) : new WebSocket(url, ['v12.stomp'])) as never;
}

/** What @stomp/stompjs uses of a WebSocket, on a TCP socket. */
class TcpAsWebSocket {
  readonly url: string;
  binaryType = 'arraybuffer';
  readyState = 0;
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: ArrayBuffer }) => void) | undefined;
  onclose: ((event: object) => void) | undefined;
  onerror: ((event: object) => void) | undefined;
  readonly #socket;

  constructor(url: string) {
    this.url = url;
    const { hostname, port } = new URL(url);
    this.#socket = connectTcp({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.on('connect', () => {
      this.readyState = 1;
      this.onopen?.();
    });
    this.#socket.on('data', (data) => this.onmessage?.({ data: Uint8Array.from(data).buffer }));
    this.#socket.on('error', (error) => this.onerror?.({ type: 'error', message: error.message }));
    this.#socket.on('close', () => {
      this.readyState = 3;
      this.onclose?.({ code: 1006 });
    });
  }

  send(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  close(): void {
    this.readyState = 2;
    this.#socket.end();
  }

  terminate(): void {
    this.#socket.destroy();
  }
}

/** Sends and waits for the receipt. */
export function sendWithReceipt(
  { client }: Connected,
  destination: string,
  body: string,
  headers: StompHeaders = {},
): Promise<void> {
  return withReceipt(client, (receipt) => client.publish({ destination, body, headers: { ...headers, receipt } }));
}

let receipts = 0;

/** Does what asks for a receipt, and waits for it. */
export function withReceipt(client: Client, act: (receipt: string) => void): Promise<void> {
  const receipt = `r${++receipts}`;
  return new Promise((resolve) => {
    client.watchForReceipt(receipt, () => resolve());
    act(receipt);
  });
}

/** Subscribes and waits for the receipt. */
export function subscribe(
  { client }: Connected,
  destination: string,
  onMessage: (message: IMessage) => void,
  headers: StompHeaders = {},
): Promise<void> {
  return withReceipt(client, (receipt) => {
    client.subscribe(destination, onMessage, { ack: 'client-individual', ...headers, receipt } as StompHeaders);
  });
}
