import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BodyCache } from '../../../lib/broker/bodies/body-cache.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { damagedStore, rememberingPages } from '../../fuzz/damaged-store.ts';
import { textMessage } from '../broker/environment.ts';
import { CommandLine } from './command-line.ts';

let line: CommandLine;
beforeEach(async () => {
  line = new CommandLine();
  await line.open();
});
afterEach(() => line.close());

function put(queue: string, ...bodies: (string | Uint8Array)[]): Promise<string[]> {
  const messages = bodies.map((body) => ({ body: Buffer.from(body), text: typeof body === 'string', headers: {} }));
  return send(line.broker, { kind: 'queue', name: queue }, messages);
}

async function state(queue: string) {
  const { out } = await line.run(['queues', '--json']);
  const queues = String(out)
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  return queues.find(({ name }) => name === queue);
}

describe('cirrusmq receive', () => {
  it('prints a body as it is, and acknowledges it', async () => {
    const octets = new Uint8Array([0, 255, 10]);
    await put('orders', octets, 'b');
    const { code, out, err } = await line.run(['receive', 'orders']);
    expect({ code, out, err }).toEqual({ code: 0, out: Buffer.from(octets), err: '' });
    expect(await state('orders')).toMatchObject({ depth: 1, inFlight: 0 });
  });

  it('prints a line end after each body where there may be several', async () => {
    await put('orders', 'a', 'b');
    const { code, out } = await line.run(['receive', 'orders', '--max', '5', '--wait', '10']);
    expect({ code, out: String(out) }).toEqual({ code: 0, out: 'a\nb\n' });
  });

  it('takes more than one request gives', async () => {
    await put('orders', ...Array(250).fill('x'));
    const { out } = await line.run(['receive', 'orders', '--max', '230']);
    expect(String(out)).toBe('x\n'.repeat(230));
    expect(await state('orders')).toMatchObject({ depth: 20, inFlight: 0 });
  });

  it('leaves messages unacknowledged with --no-ack, and shows their tokens', async () => {
    await put('orders', 'a');
    const { out } = await line.run(['receive', 'orders', '--no-ack', '--json', '--visibility', '60']);
    expect(JSON.parse(String(out))).toMatchObject({ body: 'a', token: expect.any(String), deliveryCount: 1 });
    expect(await state('orders')).toMatchObject({ depth: 0, inFlight: 1 });
  });

  it('waits for a message', async () => {
    const running = line.run(['receive', 'orders', '--wait', '20']);
    while (line.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await put('orders', 'late');
    expect(String((await running).out)).toBe('late');
  });

  it('gives back at once what nobody reads any more', async () => {
    const large = 'x'.repeat(300_000);
    await put('orders', large, large, large, large, large);
    const receiving = `"${process.execPath}" lib/cli/main.ts receive orders --max 5000 | head -c 1`;
    const env = { ...process.env, CIRRUSMQ_URL: line.url };
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', receiving], { env });
    expect({ stdout, stderr }).toEqual({ stdout: 'x', stderr: 'cirrusmq: The output is closed.\n' });
    const { depth, inFlight, counts } = await state('orders');
    expect({ all: depth + counts.acknowledged, inFlight }).toEqual({ all: 5, inFlight: 0 });
    expect(depth).toBeGreaterThan(2);
  });

  it('ends with 3 when nothing came in time', async () => {
    expect(await line.run(['receive', 'orders'])).toEqual({ code: 3, out: Buffer.from(''), err: '' });
    expect((await line.run(['receive', 'orders', '--wait', '0.1'])).code).toBe(3);
  });
});

describe('cirrusmq browse', () => {
  it('prints bodies, and takes none', async () => {
    await put('orders', 'a', 'b', 'c');
    const { code, out } = await line.run(['browse', 'orders', '--limit', '2']);
    expect({ code, out: String(out) }).toEqual({ code: 0, out: 'a\nb\n' });
    expect(await state('orders')).toMatchObject({ depth: 3, inFlight: 0 });
  });

  it('prints more than one page', async () => {
    await put('orders', ...Array(1100).fill('x'));
    const { out } = await line.run(['browse', 'orders', '--limit', '1050', '--json']);
    const sequences = String(out)
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).sequence);
    expect(sequences).toEqual(Array.from({ length: 1050 }, (_, i) => i + 1));
  });

  it('fails where there is no such queue', async () => {
    const { code, err } = await line.run(['browse', 'none']);
    expect({ code, err }).toEqual({ code: 1, err: 'cirrusmq: NOT_FOUND: There is no queue /queue/none.\n' });
  });
});

describe('cirrusmq queues', () => {
  it('creates, lists, purges and deletes', async () => {
    expect(await line.run(['queues', 'create', 'a/b'])).toMatchObject({ code: 0, err: '' });
    await put('orders', 'a', 'b');
    const { out } = await line.run(['queues']);
    expect(String(out)).toMatch(
      /^NAME +DEPTH +IN FLIGHT +CONSUMERS +OLDEST\na\/b +0 +0 +0 +-\norders +2 +0 +0 +\ds\n$/,
    );
    expect(String((await line.run(['queues', 'purge', 'orders'])).out)).toBe('2 messages were dropped.\n');
    expect((await line.run(['queues', 'delete', 'orders'])).code).toBe(0);
    expect(String((await line.run(['queues', 'list', '--json'])).out)).toMatch(/^\{"name":"a\/b",.*\}\n$/);
  });

  it('shows what is missing, which a purge takes away and counts, and what is damaged', async () => {
    const store = new MemoryStore();
    const { getBlobs } = store;
    const parts = { store, bodies: new BodyCache(0) };
    const { pages } = rememberingPages(store);
    const damage = (bytes: Uint8Array) => bytes.subarray(1);
    const hurt = damagedStore(store, { pages }, { shard: '/queue/hurt', part: 'state', damage });
    const other = new CommandLine({}, { ...parts, store: hurt });
    await other.open();
    for (const queue of ['hurt', 'orders']) {
      await send(
        other.broker,
        { kind: 'queue', name: queue },
        [1, 2].map((n) => textMessage(String(n))),
      );
    }
    store.getBlobs = async () => new Map();
    await other.run(['receive', 'orders']);
    store.getBlobs = getBlobs;
    await send(other.broker, { kind: 'queue', name: 'orders' }, [textMessage('there')]);
    expect(String((await other.run(['queues'])).out)).toMatch(
      /^NAME +DEPTH +IN FLIGHT +CONSUMERS +OLDEST +MISSING +STATE\nhurt +\? +\? +\? +\? +\? +damaged\norders +1 +0 +0 +\ds +2\n$/,
    );
    expect(String((await other.run(['queues', 'purge', 'orders'])).out)).toBe('3 messages were dropped.\n');
    expect(String((await other.run(['queues', 'delete', 'hurt'])).out)).toMatch(
      /^hurt was damaged\. With it went messages that nobody could count.*\.\n$/,
    );
    await other.close();
  });

  it('fails where there is no such queue', async () => {
    expect(await line.run(['queues', 'delete', 'none'])).toMatchObject({ code: 1 });
  });
});

describe('cirrusmq groups', () => {
  it('says where everything is in one place, and that nothing can be moved there', async () => {
    await put('orders', 'a');
    expect(String((await line.run(['groups'])).out)).toMatch(/^This broker keeps everything in one place/);
    const { code, err } = await line.run(['groups', 'move', 'orders', '--to', 'eu']);
    expect(code).toBe(1);
    expect(err).toMatch(/^cirrusmq: NOT_SUPPORTED: Destination groups are DynamoDB tables\./);
  });
});

describe('exit codes', () => {
  it.each([
    [[]],
    [['sned', 'orders', 'x']],
    [['send']],
    [['send', 'orders', '--nonsense']],
    [['send', 'orders', 'x', '--priority', '10']],
    [['send', 'orders', 'x', '--header', 'novalue']],
    [['send', 'orders', 'x', '--lines']],
    [['send', '/topic/prices', 'x']],
    [['send', '..', 'x']],
    [['receive', 'orders', '--max', '0']],
    [['receive', 'orders', '--wait', 'long']],
    [['receive', 'orders', '--url', 'localhost']],
    [['send', 'orders']],
    [['send', 'orders', 'x', '--body', '']],
    [['queues', '--user', 'alice']],
    [['queues', '--password-file', 'x']],
    [['queues', 'drop', 'orders']],
    [['groups', 'move']],
    [['groups', 'move', '/queue/..']],
    [['serve', '--port', '70000']],
    [['serve', '--store', 'redis']],
  ])('are 2 for wrong usage: %j', async (args) => {
    const { code, out, err } = await line.run(args);
    expect({ code, out: String(out) }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
    expect(err).not.toContain(' at ');
    expect(line.requests).toEqual([]);
  });

  it.each([{ CIRRUSMQ_USER: 'alice', CIRRUSMQ_PASSWORD: 'open sesame' }, { CIRRUSMQ_TOKEN: 'secret' }])(
    'are 2 where credentials would go to another machine in clear, and nothing is sent: %j',
    async (env) => {
      const elsewhere = ['queues', '--url', 'http://broker.invalid:61614'];
      expect(await line.run(elsewhere, '', env)).toMatchObject({
        code: 2,
        err: expect.stringContaining('would go to broker.invalid:61614 in clear'),
      });
      expect((await line.run([...elsewhere, '--insecure'], '', env)).code).toBe(4);
      expect((await line.run(elsewhere)).code).toBe(4);
      expect((await line.run(['queues'], '', env)).code).toBe(0);
    },
  );

  it('are 4 where the broker cannot be reached', async () => {
    const { url } = line;
    await line.close();
    const { code, err } = await line.run(['queues', '--url', `${url}/`]);
    expect({ code, err }).toEqual({ code: 4, err: `cirrusmq: ${url} cannot be reached: ECONNREFUSED.\n` });
    await line.open();
  });

  it('are 1 where something else answers', async () => {
    const { code, err } = await line.run(['queues'], '', { CIRRUSMQ_URL: `${line.url}/elsewhere` });
    expect(code).toBe(1);
    expect(err).toContain('NOT_FOUND');
  });

  it.each([['--help'], ['send', '--help'], ['queues', 'purge', '--help']])(
    'are 0 for help, which tells them',
    async (...args) => {
      const { code, out } = await line.run(args);
      expect(code).toBe(0);
      expect(String(out)).toContain('3  nothing was received in time');
    },
  );

  it('are 0 for the version', async () => {
    const { code, out } = await line.run(['--version']);
    expect({ code, out: String(out) }).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
