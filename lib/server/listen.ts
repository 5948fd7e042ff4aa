import type { Server } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { BrokerError } from '../model/errors.ts';
import type { BrokerUrls } from './options.ts';

const HOST = '127.0.0.1';

type Ports = { readonly http: number; readonly tcp: number };

/**
 * Opens the ports, all or none.
 * @param tcp undefined where there is no plain STOMP
 * @throws BrokerError UNAVAILABLE
 */
export async function listenAll(http: Server, tcp: TcpServer | undefined, ports: Ports): Promise<BrokerUrls> {
  try {
    const httpPort = await listen(http, ports.http);
    const tcpPort = tcp && (await listen(tcp, ports.tcp));
    return {
      url: `http://${HOST}:${httpPort}`,
      webSocketUrl: `ws://${HOST}:${httpPort}`,
      stompUrl: tcpPort === undefined ? '' : `tcp://${HOST}:${tcpPort}`,
    };
  } catch (error) {
    http.close();
    throw error;
  }
}

function listen(server: Server | TcpServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${cause.code})`;
      reject(new BrokerError('UNAVAILABLE', `The port ${port} ${why}.`, { cause }));
    });
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
}
