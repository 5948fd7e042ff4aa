import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildBundles } from '../build/bundles.ts';
import { nodeOptions } from '../infra/broker-function.ts';
import { functionNames } from '../infra/bundle.ts';

/** How large each function is, and how much processor time a fresh process takes to load it: what a cold start adds to Lambda's own. */

const STARTS = 9;

/** What the functions ask of their environment. */
const environment = { TABLE_PREFIX: 'p', CONNECTIONS_ENDPOINT: 'https://none.example/live', DISPATCH_FUNCTION: 'd' };

const loading = `
  const begun = process.cpuUsage();
  await import(process.argv[1]);
  const { user, system } = process.cpuUsage(begun);
  process.stdout.write(String((user + system) / 1000));
`;

/** Milliseconds of processor time, which other processes of the machine hardly change. */
function loadOnce(file: string): number {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', loading, pathToFileURL(file).href],
    { env: { ...environment, AWS_REGION: 'eu-west-1', NODE_OPTIONS: nodeOptions }, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const folder = await mkdtemp(join(tmpdir(), 'bundles-'));
try {
  await buildBundles(folder);
  for (const name of functionNames) {
    const file = join(folder, name, 'index.mjs');
    const kilobytes = (statSync(file).size / 1024).toFixed(0);
    const ms = median(Array.from({ length: STARTS }, () => loadOnce(file))).toFixed(0);
    process.stdout.write(`${name}: ${kilobytes} KB, loaded in ${ms} ms\n`);
  }
} finally {
  await rm(folder, { recursive: true });
}
