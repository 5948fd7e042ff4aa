import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Master } from '../server/broker-lease.ts';
import {
  type BrokerOptions,
  type BrokerUrls,
  type DynamoPlace,
  isLoopbackAddress,
  type RunningBroker,
} from '../server/options.ts';
import { startBroker } from '../server/start-broker.ts';
import { CommandFailure, exitCodes } from './exit.ts';
import { settleHeap } from './heap.ts';
import type { ServeOptions } from './options.ts';
import { readSecret } from './secret.ts';
import { ServerLog } from './server-log.ts';

/** Runs the broker until it is told to stop. Ends the process with 1 if it cannot go on. */
export async function serve(options: ServeOptions): Promise<void> {
  settleHeap();
  let broker: RunningBroker | undefined;
  const said = new ServerLog(options.json, options.logLevel);
  const stop = (signal: NodeJS.Signals) => {
    said.say(`CirrusMQ stops: ${signal}.`, 'stopping', { signal });
    if (broker) void broker.close().then(() => process.exit(0));
    else process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    broker = await startBroker(brokerOptions(options, said));
  } catch (error) {
    said.fatal(error instanceof Error ? error.message : String(error));
    process.exit(error instanceof CommandFailure ? error.exitCode : exitCodes.failed);
  }
}

function brokerOptions(options: ServeOptions, said: ServerLog): BrokerOptions {
  const where = placeOf(options);
  const access = accessOf(options);
  const fail = (message: string): never => {
    said.fatal(message);
    process.exit(exitCodes.failed);
  };
  const pidFile = options.pidFile === undefined ? undefined : pidFileAt(options.pidFile, fail);
  let waited = false;
  return {
    host: options.host,
    port: options.port,
    stompPort: options.stompPort,
    ...(options.memory || options.store === 'dynamodb' ? {} : { data: options.data }),
    memory: options.memory,
    allowedOrigins: options.allowOrigin,
    ...(options.strict ? { strict: { seed: options.strictSeed } } : {}),
    ...(options.store === 'dynamodb' && !options.memory ? { dynamodb: dynamoOptions(options) } : {}),
    access,
    onStandby: (master) => {
      waited = true;
      pidFile?.remove();
      said.say(`CirrusMQ waits as the standby: ${masterOf(where)[master]}`, 'standby', { data: where, master });
    },
    onReady: (urls) => {
      pidFile?.write();
      const event = waited ? 'taken over' : 'started';
      said.say(greeting(urls, where, options, { isOpen: access === 'open', tookOver: waited }), event, {
        ...urls,
        data: where,
        access: access === 'open' ? 'open' : 'closed',
      });
      waited = false;
    },
    onFatal: (error) => fail(error.message),
    log: said.log,
    audit: said.audit,
    trace: said.trace,
  };
}

/** What is said of who may come; on loopback everybody where nothing is, elsewhere users alone. */
function accessOf(options: ServeOptions): NonNullable<BrokerOptions['access']> {
  const { users, host, open, adminPasswordFile, jwtIssuer, jwtAudience, jwtJwks, jwtClaim } = options;
  const isClosed = users || adminPasswordFile !== undefined || jwtIssuer !== undefined;
  if (!isClosed && (open || isLoopbackAddress(host))) return 'open';
  return {
    tokens:
      jwtIssuer === undefined || jwtAudience === undefined
        ? undefined
        : { issuer: jwtIssuer, audience: jwtAudience, jwksUri: jwtJwks, claim: jwtClaim },
    administrator:
      adminPasswordFile === undefined ? undefined : { name: 'admin', password: readSecret(adminPasswordFile) },
  };
}

function dynamoOptions(options: ServeOptions): DynamoPlace {
  const { tablePrefix = '', endpoint, destinationGroups: groups = [], createTables, takeOver } = options;
  return { tablePrefix, groups, createTables, takeOver, ...(endpoint === undefined ? {} : { endpoint }) };
}

/** Whom a standby waits for. */
function masterOf(where: string): Readonly<Record<Master, string>> {
  return {
    process: `another process is the master of ${where}, or was a moment ago.`,
    deployment: `a deployment in AWS serves ${where}. If they are restored tables that no functions serve, say --take-over.`,
  };
}

function placeOf({ memory, store, data, tablePrefix }: ServeOptions): string {
  if (memory) return 'memory';
  return store === 'dynamodb' ? `the tables ${tablePrefix}-*` : data;
}

type Opened = { readonly isOpen: boolean; readonly tookOver: boolean };

function greeting(
  { url, webSocketUrl, stompUrl }: BrokerUrls,
  where: string,
  { host, adminPasswordFile }: ServeOptions,
  { isOpen, tookOver }: Opened,
): string {
  const user = adminPasswordFile === undefined ? 'USER' : 'admin';
  const as = isOpen ? '' : `-u ${user} `;
  return `CirrusMQ ${tookOver ? 'has taken over and ' : ''}is ready; messages are kept in ${where}.
  REST              ${url}
  STOMP, WebSocket  ${webSocketUrl}
  STOMP, TCP        ${stompUrl || 'none'}
${whoComesIn(host, isOpen)}
Try:
  curl ${as}-H 'content-type: text/plain' -d 'hello' ${url}/v1/queues/orders/messages
  curl ${as}-X POST ${url}/v1/queues/orders/receive`;
}

function whoComesIn(host: string, isOpen: boolean): string {
  if (isLoopbackAddress(host)) {
    return isOpen
      ? 'It is open: whoever reaches it on this machine may do everything.'
      : 'It is closed to all but those with credentials.';
  }
  return isOpen
    ? `It listens on ${host} and is open: whoever reaches it may do everything.`
    : `It listens on ${host} and is closed to all but those with credentials.`;
}

/** The file with the id of the process that is the master: a standby leaves that of another alone. */
function pidFileAt(
  path: string,
  fail: (message: string) => never,
): { readonly write: () => void; readonly remove: () => void } {
  const mine = `${process.pid}\n`;
  let isWritten = false;
  const remove = () => {
    if (isWritten && readOrNothing(path) === mine) rmSync(path, { force: true });
    isWritten = false;
  };
  process.once('exit', remove);
  return {
    remove,
    write() {
      try {
        writeFileSync(path, mine);
        isWritten = true;
      } catch (error) {
        fail(`The process id cannot be written to ${path}: ${(error as NodeJS.ErrnoException).code}.`);
      }
    },
  };
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
