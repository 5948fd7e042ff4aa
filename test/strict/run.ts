import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '../folders.ts';
import { protocolTests } from './protocol-tests.ts';

/**
 * `npm run strict -- --seeds 20 [--from 1]`: the protocol tests against the model of API Gateway, once with each seed.
 * Says which tests it skips, and why; ends with 1 if any failed.
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '20' }, from: { type: 'string', default: '1' } },
});

type Assertion = {
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo';
  readonly fullName: string;
  readonly failureMessages: readonly string[];
};
type Report = { readonly testResults: readonly { readonly assertionResults: readonly Assertion[] }[] };

const SHOWN = 600;
const print = (line: string) => process.stdout.write(`${line}\n`);

async function runSeed(seed: number): Promise<readonly Assertion[]> {
  using folder = temporaryFolder();
  const outputFile = join(folder.path, 'report.json');
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'all', ...protocolTests];
  const env = { ...process.env, CIRRUSMQ_SUBJECT: 'strict', CIRRUSMQ_SEED: String(seed) };
  const args = [...vitest, '--reporter=json', `--outputFile=${outputFile}`];
  await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit');
  const { testResults } = JSON.parse(readFileSync(outputFile, 'utf8')) as Report;
  return testResults.flatMap(({ assertionResults }) => assertionResults);
}

const [from, seeds] = [Number(values.from), Number(values.seeds)];
if (!Number.isSafeInteger(from) || !(seeds > 0)) throw new Error('--seeds and --from take a number each.');
let skipped: readonly Assertion[] = [];
let failures = 0;
for (let seed = from; seed < from + seeds; seed++) {
  const begun = performance.now();
  const all = await runSeed(seed);
  const count = (status: Assertion['status']) => all.filter((one) => one.status === status).length;
  const failed = all.filter(({ status }) => status === 'failed');
  skipped = all.filter(({ fullName }) => fullName.includes('(SKIPPED on '));
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  print(`seed ${seed}: ${count('passed')} passed, ${failed.length} failed, ${seconds} s`);
  for (const { fullName, failureMessages } of failed) {
    print(`  ${fullName}\n  ${failureMessages.join('\n').slice(0, SHOWN)}`);
  }
  failures += failed.length + (count('passed') === 0 ? 1 : 0);
}
print(`${skipped.length} tests skipped:`);
for (const { fullName } of skipped) print(`  ${fullName}`);
process.exitCode = failures === 0 ? 0 : 1;
