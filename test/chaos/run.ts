import { parseArgs } from 'node:util';
import { dynamoAvailable } from '../dynamodb-local.ts';
import type { Place } from './brokers.ts';
import { isRight, runChaos, tidy } from './run-chaos.ts';
import { tableOf } from './table.ts';

const SHOWN = 20;

/** `npm run chaos -- --minutes 10 [--store lmdb|dynamodb|both] [--seed N]`: ends with 1 if a message was wronged. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    store: { type: 'string', default: 'both' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const stores = storesOf(values.store);
const seconds = (Number(values.minutes) * 60) / stores.length;
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed take a number each.');
for (const store of stores) {
  const outcome = await runChaos({ store, seconds, seed });
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
