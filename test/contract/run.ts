import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

/**
 * `npm run contract -- --endpoint http://127.0.0.1:4566`: the store's contract, and a round trip of 500 messages over
 * WebSocket and over TCP, on whatever answers there as DynamoDB does. It creates tables, and leaves them. Ends with 1 if
 * something failed, with 2 if nothing answers.
 */
const { values } = parseArgs({ options: { endpoint: { type: 'string' } } });
const tests = ['test/contract/store.test.ts', 'test/protocol/throughput.test.ts'];

async function unreachable(endpoint: string): Promise<string | undefined> {
  if (!URL.canParse(endpoint)) return `"${endpoint}" is no URL.`;
  return await fetch(endpoint).then(
    () => undefined,
    (error: Error) => `Nothing answers at ${endpoint}: ${String(error.cause ?? error)}`,
  );
}

const { endpoint = '' } = values;
const refusal =
  endpoint === '' ? 'Say where: npm run contract -- --endpoint http://127.0.0.1:4566' : await unreachable(endpoint);
if (refusal !== undefined) {
  process.stderr.write(`${refusal}\n`);
  process.exitCode = 2;
} else {
  const account = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const env = { ...account, ...process.env, CIRRUSMQ_DYNAMODB_ENDPOINT: endpoint };
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'all', '-t', 'on DynamoDB', ...tests];
  const [code] = await once(spawn(process.execPath, vitest, { env, stdio: 'inherit' }), 'exit');
  process.exitCode = code === 0 ? 0 : 1;
}
