import { describe, expect, it } from 'vitest';
import { dynamoAvailable, dynamoTitle } from '../dynamodb-local.ts';
import type { FaultKind } from './nemesis.ts';
import { runChaos, tidy } from './run-chaos.ts';
import { tableOf } from './table.ts';

/** The quick ones: `npm run chaos` does the others, too. */
const faults: readonly FaultKind[] = ['kill', 'terminate', 'cut', 'kill a consumer'];
const SECONDS = 5;

async function torment(store: 'lmdb' | 'dynamodb'): Promise<void> {
  const seed = Date.now() % 2 ** 31;
  const outcome = await runChaos({ store, seconds: SECONDS, seed, faults });
  process.stdout.write(`${tableOf(`${store}, seed ${seed}`, outcome)}\n`);
  tidy(outcome);
  expect(outcome.confirmed).toBeGreaterThan(0);
  expect(outcome).toMatchObject({ lost: [], unexpected: [], unflagged: [], isDrained: true });
}

describe('brokers and clients in processes of their own, under faults', () => {
  it('lose nothing, invent nothing and flag what they repeat on lmdb', () => torment('lmdb'), 240_000);

  it.skipIf(!dynamoAvailable())(
    dynamoTitle('lose nothing, invent nothing and flag what they repeat'),
    () => torment('dynamodb'),
    240_000,
  );
});
