import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { send } from '../../../lib/broker/send.ts';
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

  it('fails where there is no such queue', async () => {
    expect(await line.run(['queues', 'delete', 'none'])).toMatchObject({ code: 1 });
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
    [['queues', 'drop', 'orders']],
    [['serve', '--port', '70000']],
    [['serve', '--store', 'redis']],
  ])('are 2 for wrong usage: %j', async (args) => {
    const { code, out, err } = await line.run(args);
    expect({ code, out: String(out) }).toEqual({ code: 2, out: '' });
    expect(err).not.toBe('');
    expect(err).not.toContain(' at ');
    expect(line.requests).toEqual([]);
  });

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
