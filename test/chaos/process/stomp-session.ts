import { Client } from '@stomp/stompjs';
import { socketOf } from '../../stomp-clients.ts';
import { PATIENCE_MS } from './duty.ts';

let receipts = 0;

/** A client that connects again whenever its connection ends. @param begin called with each new session's number */
export function keepConnected(url: string, begin: (client: Client, session: number) => void): Client {
  let sessions = 0;
  const client = new Client({
    webSocketFactory: () => socketOf(url),
    reconnectDelay: 100,
    connectionTimeout: PATIENCE_MS,
    discardWebsocketOnCommFailure: true,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
    onConnect: () => begin(client, ++sessions),
    onStompError: () => client.forceDisconnect(),
  });
  client.activate();
  return client;
}

/** Does what asks for a receipt. Without one in time the connection is broken off, and what became of it is unknown. */
export function confirm(client: Client, act: (receipt: string) => void): Promise<boolean> {
  const receipt = `r${++receipts}`;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      client.forceDisconnect();
      resolve(false);
    }, PATIENCE_MS);
    client.watchForReceipt(receipt, () => {
      clearTimeout(timer);
      resolve(true);
    });
    act(receipt);
  });
}
