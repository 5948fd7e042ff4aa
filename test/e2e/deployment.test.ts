import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectHandler } from '../../lib/handlers/connect.ts';
import { sweepHandler } from '../../lib/handlers/sweep.ts';
import { prepareStore } from '../../lib/server/stores.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { environmentOn } from '../unit/broker/environment.ts';

const noContext = {} as never;

describe.skipIf(!dynamoAvailable())(dynamoTitle('a deployment'), () => {
  let engine: DynamoEngine;
  beforeAll(async () => {
    engine = await startDynamo();
  });
  afterAll(() => engine.stop());

  /** The functions of a deployment, on tables of their own. */
  async function deployed(tablePrefix: string) {
    const place = { tablePrefix, endpoint: engine.endpoint };
    await createTables(place);
    const environment = environmentOn(openDynamoStore(place), { isDeployment: true });
    return {
      sweep: () => sweepHandler(environment)(undefined, noContext),
      connect: () => connectHandler(environment)({ requestContext: { connectionId: 'c' } } as never, noContext),
      close: () => environment.broker.store.close(),
    };
  }

  function serve(prefix: string, ...more: readonly string[]): { broker: BrokerProcess; output: () => string } {
    const args = ['--store', 'dynamodb', '--table-prefix', prefix, '--endpoint', engine.endpoint, ...more];
    const broker = startBrokerProcess(args);
    let output = '';
    broker.process.stdout?.on('data', (text: Buffer) => {
      output += text;
    });
    return { broker, output: () => output };
  }

  it.each(['sweep', 'connect'] as const)(
    'that had its first %s keeps a local server the standby, which says why',
    async (first) => {
      const functions = await deployed(`claimed-${first}`);
      await functions[first]();
      const { broker, output } = serve(`claimed-${first}`);
      await broker.standby;
      expect(output()).toContain(`a deployment in AWS serves the tables claimed-${first}-*`);
      expect(output()).toContain('--take-over');
      await Promise.all([broker.end(), functions.close()]);
    },
  );

  it('is taken over where that is said, and takes its tables back if it is there', async () => {
    const functions = await deployed('taken');
    await functions.sweep();
    const { broker } = serve('taken', '--take-over');
    await broker.ready;
    await functions.sweep();
    await broker.standby;
    await Promise.all([broker.end(), functions.close()]);
  });

  it('gets its tables from itself: a prefix without tables is refused by name, off loopback', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'local')
      .stubEnv('AWS_SECRET_ACCESS_KEY', 'local')
      .stubEnv('AWS_REGION', 'eu-west-1');
    const endpoint = engine.endpoint.replace('127.0.0.1', '0.0.0.0');
    const place = { tablePrefix: 'mispelt', endpoint };
    await expect(prepareStore({ kind: 'dynamodb', place })).rejects.toThrow(
      'There is no DynamoDB table mispelt-shards-default, mispelt-directory. Is the prefix "mispelt" right, and the Region?',
    );
    const made = await prepareStore({ kind: 'dynamodb', place: { ...place, createTables: true } });
    await made.close();
    vi.unstubAllEnvs();
  });

  it('that is not there gives a local server nothing to wait for', async () => {
    const { broker } = serve('nobody');
    await broker.ready;
    broker.process.kill('SIGTERM');
    await once(broker.process, 'exit');
  });
});
