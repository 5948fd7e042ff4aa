import type { Server } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { BrokerError } from '../model/errors.ts';
import { type BrokerUrls, HOST } from './options.ts';

type Ports = { readonly host: string; readonly http: number; readonly tcp: number };

/**
 * Opens the ports, all or none.
 * @param tcp undefined where there is no plain STOMP
 * @throws BrokerError UNAVAILABLE
 */
export async function listenAll(http: Server, tcp: TcpServer | undefined, ports: Ports): Promise<BrokerUrls> {
  try {
    const httpPort = await listen(http, ports.host, ports.http, 'port');
    const tcpPort = tcp && (await listen(tcp, ports.host, ports.tcp, 'stomp-port'));
    const name = nameOf(ports.host);
    return {
      url: `http://${name}:${httpPort}`,
      webSocketUrl: `ws://${name}:${httpPort}`,
      stompUrl: tcpPort === undefined ? '' : `tcp://${name}:${tcpPort}`,
    };
  } catch (error) {
    http.close();
    throw error;
  }
}

/** As this machine reaches it, whoever else does. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return HOST;
  return host.includes(':') ? `[${host}]` : host;
}

/** @param option what to give another port by, as the command line names it */
function listen(server: Server | TcpServer, host: string, port: number, option: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${cause.code})`;
      const what =
        cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND'
          ? `The address ${host} (--host)`
          : `The port ${port} (--${option})`;
      reject(new BrokerError('UNAVAILABLE', `${what} ${why}.`, { cause }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
