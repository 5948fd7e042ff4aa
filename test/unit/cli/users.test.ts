import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access } from '../../../lib/access/access.ts';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { createTables } from '../../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../../lib/store/dynamodb/dynamodb-store.ts';
import { type AccessSubject, ask, basic, startAccessSubject } from '../../access-subject.ts';
import { startBrokerProcess } from '../../broker-process.ts';
import { dynamoAvailable, dynamoTitle, startDynamo } from '../../dynamodb-local.ts';
import { temporaryFolder } from '../../folders.ts';
import { CommandLine } from './command-line.ts';

let subject: AccessSubject;
const line = new CommandLine();
beforeAll(async () => {
  subject = await startAccessSubject();
});
afterAll(() => subject.close());

function run(args: readonly string[], stdin = '') {
  const env = { CIRRUSMQ_URL: subject.url, CIRRUSMQ_USER: 'admin', CIRRUSMQ_PASSWORD: 'open sesame' };
  return line.run(args, stdin, env);
}

async function users() {
  const { out } = await run(['users', '--json']);
  return String(out)
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
}

describe('cirrusmq users', () => {
  it('adds, grants, disables, enables, lists and removes', async () => {
    expect(await run(['users', 'add', 'bob', 'read:/queue/a', 'write:/queue/b.>'], 'secret of bob\n')).toMatchObject({
      code: 0,
      err: '',
    });
    expect(await users()).toContainEqual({
      name: 'bob',
      rules: ['read:/queue/a', 'write:/queue/b.>'],
      disabled: false,
    });
    expect((await ask(subject, basic('bob', 'secret of bob'), 'POST', '/v1/queues/a/receive')).status).toBe(200);
    expect((await run(['users', 'grant', 'bob', 'read:>'])).code).toBe(0);
    expect((await run(['users', 'disable', 'bob'])).code).toBe(0);
    expect(String((await run(['users'])).out)).toMatch(
      /^NAME +STATE +RULES\nadmin +enabled +read,write,admin:>\nbob +disabled +read:>\n$/,
    );
    expect((await run(['users', 'enable', 'bob'])).code).toBe(0);
    expect((await run(['users', 'password', 'bob'], 'another secret')).code).toBe(0);
    expect((await ask(subject, basic('bob', 'another secret'), 'POST', '/v1/queues/a/receive')).status).toBe(200);
    expect((await run(['users', 'remove', 'bob'])).code).toBe(0);
    expect((await users()).map(({ name }) => name)).toEqual(['admin']);
  });

  it('takes no password as an argument', async () => {
    expect(await run(['users', 'add', 'carol', '--password', 'open sesame'])).toMatchObject({ code: 2 });
    expect(await run(['send', 'orders', 'x', '--password', 'open sesame'])).toMatchObject({ code: 2 });
  });

  it('says what is wrong with a name, a rule, a password or the credentials', async () => {
    expect(await run(['users', 'add', 'a b'])).toMatchObject({ code: 2, err: expect.stringContaining('1 to 64') });
    expect(await run(['users', 'grant', 'admin', 'own:>'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('rights'),
    });
    expect(await run(['users', 'add', 'dave'], 'short')).toMatchObject({
      code: 1,
      err: expect.stringContaining('8 to 256'),
    });
    expect(await run(['users', 'disable', 'nobody'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('NOT_FOUND'),
    });
    expect(await run(['users', '--password-file', '/does/not/exist'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT'),
    });
    const refused = await line.run(['users'], '', {
      CIRRUSMQ_URL: subject.url,
      CIRRUSMQ_USER: 'admin',
      CIRRUSMQ_PASSWORD: 'wrong one',
    });
    expect(refused).toMatchObject({ code: 1, err: 'cirrusmq: UNAUTHENTICATED: The credentials are not valid.\n' });
  });

  it('goes with a token as well', async () => {
    const token = await subject.issuer.sign({ cirrusmq: ['admin:>'] });
    const { code } = await line.run(['users'], '', { CIRRUSMQ_URL: subject.url, CIRRUSMQ_TOKEN: token });
    expect(code).toBe(0);
  });
});

describe('the first administrator', () => {
  it('is made in the folder of a broker that does not run, and in no other', async () => {
    using folder = temporaryFolder();
    const bootstrap = () => line.run(['users', 'bootstrap', 'root', '--data', folder.path], 'open sesame\n');
    expect(await bootstrap()).toMatchObject({ code: 0, err: '' });
    const broker = await startBroker({ port: 0, data: folder.path, access: {} });
    const headers = { authorization: basic('root', 'open sesame') };
    expect((await fetch(`${broker.url}/v1/users`, { headers })).status).toBe(200);
    expect(await bootstrap()).toMatchObject({ code: 1, err: expect.stringContaining('A broker runs on') });
    expect((await fetch(`${broker.url}/v1/users`, { headers })).status).toBe(200);
    await broker.close();
  });

  it('is made by serve from a file, and everybody else is shut out', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'password');
    writeFileSync(file, 'open sesame\n');
    const broker = startBrokerProcess(['--memory', '--admin-password-file', file]);
    const { url } = await broker.ready;
    const headers = { authorization: basic('admin', 'open sesame') };
    expect((await fetch(`${url}/v1/users`, { headers })).status).toBe(200);
    expect((await fetch(`${url}/v1/queues`)).status).toBe(401);
    await broker.end();
  });

  it.skipIf(!dynamoAvailable())(dynamoTitle('is made by whoever may write to the directory'), async () => {
    const engine = await startDynamo();
    const options = { tablePrefix: `bootstrap-${Date.now()}`, endpoint: engine.endpoint };
    await createTables(options);
    const place = ['--store', 'dynamodb', '--table-prefix', options.tablePrefix, '--endpoint', engine.endpoint];
    expect(await line.run(['users', 'bootstrap', 'root', ...place], 'open sesame\n')).toMatchObject({
      code: 0,
      err: '',
    });
    const store = openDynamoStore(options);
    const access = new Access({ store, now: Date.now });
    const principal = await access.authenticate({ kind: 'password', name: 'root', password: 'open sesame' });
    expect((await access.grantsOf(principal)).may('admin', '/queue/any')).toBe(true);
    await store.close();
    await engine.stop();
  });
});
