import { parseArgs } from 'node:util';
import { whyNotContained } from '../broker-process.ts';
import { dynamoAvailable } from '../dynamodb-local.ts';
import type { Place } from './brokers.ts';
import type { FaultKind } from './nemesis.ts';
import { isRight, runChaos, tidy } from './run-chaos.ts';
import { tableOf } from './table.ts';

const SHOWN = 20;
/** The exit code where what was asked for cannot be done here: nothing was tried. */
const NOT_POSSIBLE = 2;
/** Each takes a lease to be followed, so that fewer of them fit into a run: the ones that a container suffers. */
const containerFaults: readonly FaultKind[] = ['kill', 'kill', 'kill', 'kill both', 'terminate', 'pause'];

/**
 * `npm run chaos -- --minutes 10 [--store lmdb|dynamodb|both] [--namespaces] [--seed N]`: ends with 1 if a message was
 * wronged. With `--namespaces` each broker is in a PID namespace of its own, as in a container, and both share one
 * folder; ends with 2 where that is not allowed.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    store: { type: 'string' },
    namespaces: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const { namespaces } = values;
if (namespaces) demandNamespaces();
const stores = storesOf(values.store ?? (namespaces ? 'lmdb' : 'both'));
const seconds = (Number(values.minutes) * 60) / stores.length;
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed take a number each.');
for (const store of stores) {
  const outcome = await runChaos({
    store,
    seconds,
    seed,
    ...(namespaces ? { faults: containerFaults, isContained: true } : {}),
  });
  process.stdout.write(`${tableOf(`${store}, ${Math.round(seconds)} s of faults, seed ${seed}`, outcome)}\n`);
  tidy(outcome);
  if (isRight(outcome)) continue;
  process.exitCode = 1;
  const { lost, unexpected, unflagged, folder, logs } = outcome;
  const wrong = {
    lost: lost.slice(0, SHOWN),
    unexpected: unexpected.slice(0, SHOWN),
    unflagged: unflagged.slice(0, SHOWN),
  };
  process.stdout.write(`${JSON.stringify(wrong)}\nhistories: ${folder}\n${logs}\n`);
}

function demandNamespaces(): void {
  const hindrance = whyNotContained();
  if (hindrance === undefined) return;
  process.stdout.write(`--namespaces needs unshare(1) and the right to make PID namespaces (root): ${hindrance}\n`);
  process.exit(NOT_POSSIBLE);
}

/** Without Java there is no DynamoDB Local: that store is left out, and said to be. */
function storesOf(choice: string): Place['name'][] {
  if (choice !== 'lmdb' && choice !== 'dynamodb' && choice !== 'both') {
    throw new Error('--store is lmdb, dynamodb or both.');
  }
  const wanted: Place['name'][] = choice === 'both' ? ['lmdb', 'dynamodb'] : [choice];
  if (dynamoAvailable()) return wanted;
  process.stdout.write('dynamodb is left out: there is neither Java nor CIRRUSMQ_DYNAMODB_ENDPOINT.\n');
  return wanted.filter((store) => store !== 'dynamodb');
}
