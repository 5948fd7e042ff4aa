import { rmSync, writeFileSync } from 'node:fs';
import { BrokerError } from '../model/errors.ts';
import type { BrokerOptions, BrokerUrls, DynamoPlace, RunningBroker } from '../server/options.ts';
import { startBroker } from '../server/start-broker.ts';
import type { ServeOptions } from './options.ts';
import { readSecret } from './secret.ts';

/** Runs the broker until it is told to stop. Ends the process with 1 if it cannot go on. */
export async function serve(options: ServeOptions): Promise<void> {
  if (options.pidFile !== undefined) keepPidFile(options.pidFile);
  let broker: RunningBroker | undefined;
  const stop = () => {
    if (broker) void broker.close().then(() => process.exit(0));
    else process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    broker = await startBroker(brokerOptions(options));
  } catch (error) {
    fail(error instanceof BrokerError ? error.message : String(error));
  }
}

function brokerOptions(options: ServeOptions): BrokerOptions {
  const where = placeOf(options);
  return {
    port: options.port,
    stompPort: options.stompPort,
    data: options.data,
    memory: options.memory,
    allowedOrigins: options.allowOrigin,
    ...(options.strict ? { strict: { seed: options.strictSeed } } : {}),
    ...(options.store === 'dynamodb' ? { dynamodb: dynamoOptions(options) } : {}),
    ...accessOf(options),
    onStandby: () => print(`CirrusMQ waits as the standby: another process is the master of ${where}.`),
    onReady: (urls) => print(greeting(urls, where)),
    onFatal: (error) => fail(error.message),
    log: (event, details, error) => {
      const failure = error && { code: error.code, message: error.message, cause: String(error.cause ?? '') };
      process.stderr.write(`${JSON.stringify({ event, ...details, ...failure })}\n`);
    },
  };
}

/** Open to whoever reaches this machine's loopback, unless something is said of who may come. */
function accessOf(options: ServeOptions): Pick<BrokerOptions, 'access'> {
  const { users, adminPasswordFile, jwtIssuer, jwtAudience, jwtJwks, jwtClaim } = options;
  if (!users && adminPasswordFile === undefined && jwtIssuer === undefined) return {};
  if (jwtIssuer !== undefined && jwtAudience === undefined) fail('--jwt-issuer needs --jwt-audience.');
  return {
    access: {
      tokens:
        jwtIssuer === undefined || jwtAudience === undefined
          ? undefined
          : { issuer: jwtIssuer, audience: jwtAudience, jwksUri: jwtJwks, claim: jwtClaim },
      administrator:
        adminPasswordFile === undefined ? undefined : { name: 'admin', password: readSecret(adminPasswordFile) },
    },
  };
}

function dynamoOptions({ tablePrefix, endpoint, destinationGroups: groups = [] }: ServeOptions): DynamoPlace {
  if (tablePrefix === undefined) fail('--store dynamodb needs --table-prefix.');
  return { tablePrefix, groups, ...(endpoint === undefined ? {} : { endpoint }) };
}

function placeOf({ memory, store, data, tablePrefix }: ServeOptions): string {
  if (memory) return 'memory';
  return store === 'dynamodb' ? `the tables ${tablePrefix}-*` : data;
}

function greeting({ url, webSocketUrl, stompUrl }: BrokerUrls, where: string): string {
  return `CirrusMQ is ready; messages are kept in ${where}.
  REST              ${url}
  STOMP, WebSocket  ${webSocketUrl}
  STOMP, TCP        ${stompUrl || 'none'}
Try:
  curl -H 'content-type: text/plain' -d 'hello' ${url}/v1/queues/orders/messages
  curl -X POST ${url}/v1/queues/orders/receive`;
}

function keepPidFile(path: string): void {
  writeFileSync(path, `${process.pid}\n`);
  process.once('exit', () => rmSync(path, { force: true }));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(message: string): never {
  process.stderr.write(`cirrusmq: ${message}\n`);
  process.exit(1);
}
