import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { browse } from '../../../lib/broker/verbs/browse.ts';
import { CommandLine } from './command-line.ts';

let line: CommandLine;
let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cirrusmq-cli-'));
  line = new CommandLine();
  await line.open();
});
afterEach(async () => {
  await line.close();
  rmSync(folder, { recursive: true });
});

async function kept(queue = 'orders') {
  const found = await browse(line.broker, queue, 0, 1000);
  return found.messages.map(({ message: { body, text, headers } }) => ({ body: Buffer.from(body), text, headers }));
}

async function bodies(): Promise<string[]> {
  return (await kept()).map(({ body }) => String(body));
}

function fileOf(name: string, octets: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, octets);
  return path;
}

describe('cirrusmq send', () => {
  it('sends its words as a text, and prints the message id', async () => {
    const { code, out, err } = await line.run(['send', 'orders', 'hello', 'world']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(String(out)).toMatch(/^[\w-]{16}-0\n$/);
    expect(await kept()).toEqual([{ body: Buffer.from('hello world'), text: true, headers: {} }]);
  });

  it('sends all of standard input as it is', async () => {
    const octets = new Uint8Array([0, 255, 10, 13, 10]);
    expect((await line.run(['send', '/queue/orders'], octets)).code).toBe(0);
    expect(await kept()).toEqual([{ body: Buffer.from(octets), text: false, headers: {} }]);
  });

  it('sends nothing where standard input is empty, and no text where that is asked for', async () => {
    expect(await line.run(['send', 'orders'])).toMatchObject({
      code: 2,
      err: "cirrusmq: Standard input is empty, and nothing was sent: --body '' sends no text.\n",
    });
    expect(line.requests).toEqual([]);
    expect((await line.run(['send', 'orders', '--body', ''])).code).toBe(0);
    expect((await line.run(['send', 'orders', '--body', '-n'])).code).toBe(0);
    expect(await bodies()).toEqual(['', '-n']);
  });

  it('sends each file as it is', async () => {
    const paths = [fileOf('a', 'a\n'), fileOf('b', new Uint8Array([254]))];
    expect((await line.run(['send', 'orders', '--file', ...paths])).code).toBe(0);
    expect((await kept()).map(({ body }) => body)).toEqual([Buffer.from('a\n'), Buffer.from([254])]);
  });

  it('sends each line, in few requests, in their order', async () => {
    const lines = Array.from({ length: 250 }, (_, i) => `line ${i}`);
    const { code, out } = await line.run(['send', 'orders', '--lines'], `${lines.join('\r\n')}\n\nlast`);
    expect(code).toBe(0);
    expect(await bodies()).toEqual([...lines, '', 'last']);
    expect(String(out).trim().split('\n')).toHaveLength(252);
    expect(line.requests).toEqual(Array(3).fill('POST /v1/queues/orders/messages'));
  });

  it('keeps requests small where lines are long', async () => {
    await line.run(['send', 'orders', '--lines'], `${'x'.repeat(200_000)}\n`.repeat(3));
    expect(line.requests).toHaveLength(3);
    expect(await bodies()).toEqual(Array(3).fill('x'.repeat(200_000)));
  });

  it('sends headers and what its options say', async () => {
    const options = [
      ...['--header', 'tenant=acme', '--header', 'formula=a=b', '--content-type', 'text/plain', '--type', 'greeting'],
      ...['--reply-to', '/queue/replies', '--correlation-id', 'c1', '--priority', '9', '--no-persistent'],
    ];
    expect((await line.run(['send', 'a/b', ...options, 'hi'])).code).toBe(0);
    expect((await kept('a/b'))[0]?.headers).toEqual({
      tenant: 'acme',
      formula: 'a=b',
      'content-type': 'text/plain',
      type: 'greeting',
      'reply-to': '/queue/replies',
      'correlation-id': 'c1',
      priority: '9',
      persistent: 'false',
    });
  });

  it('sends messages that expire', async () => {
    await line.run(['send', 'orders', '--time-to-live', '60000', 'hi']);
    expect(Number((await kept())[0]?.headers.expires)).toBeGreaterThan(Date.now());
  });

  it('sends JSON lines, in which what a message says of itself counts', async () => {
    const input = '{"body":"a","priority":1,"headers":{"x":"1"}}\n\n{"body":"AP8=","contentEncoding":"base64"}\n';
    const { code, out } = await line.run(['send', 'orders', '--json', '--priority', '5', '--header', 'y=2'], input);
    expect(code).toBe(0);
    expect(String(out)).toMatch(/^(\{"messageId":"[\w-]+"\}\n){2}$/);
    expect(await kept()).toEqual([
      { body: Buffer.from('a'), text: true, headers: { priority: '1', x: '1', y: '2' } },
      { body: Buffer.from([0, 255]), text: false, headers: { priority: '5', y: '2' } },
    ]);
  });

  it('sends on what browse and receive print as JSON', async () => {
    await line.run(['send', 'drafts', '--priority', '2', '--header', 'x=1', 'a']);
    const browsed = await line.run(['browse', 'drafts', '--json']);
    const received = await line.run(['receive', 'drafts', '--json']);
    expect((await line.run(['send', 'orders', '--json'], Buffer.concat([browsed.out, received.out]))).code).toBe(0);
    const copy = { body: Buffer.from('a'), text: true, headers: { priority: '2', x: '1' } };
    expect(await kept()).toEqual([copy, copy]);
  });

  it('names each message that is refused, sends the others, and fails', async () => {
    const input = '{"body":"a"}\n{"body":"b","headers":{"ack":"x"}}\n{"body":"c"}\n';
    const { code, out, err } = await line.run(['send', 'orders', '--json'], input);
    expect(code).toBe(1);
    expect(String(out).trim().split('\n')).toHaveLength(3);
    expect(err).toContain('message 2: INVALID_HEADER: ');
    expect(await bodies()).toEqual(['a', 'c']);
    const alone = await line.run(['send', 'orders', '--header', 'ack=x', 'b']);
    expect(alone.code).toBe(1);
    expect(alone.err).toContain('message 1: INVALID_HEADER: ');
  });

  it('fails with the code of the broker', async () => {
    const { code, err } = await line.run(['send', 'orders', '--json'], '{"bdoy":"a"}');
    expect(code).toBe(1);
    expect(err).toContain('cirrusmq: INVALID_REQUEST: ');
  });

  it.each([
    ['{', 'Line 1 is not valid JSON'],
    ['\n7', 'Line 2 is no JSON object'],
  ])('fails at a line that is no message', async (input, why) => {
    const { code, err } = await line.run(['send', 'orders', '--json'], input);
    expect(code).toBe(1);
    expect(err).toContain(why);
  });

  it('fails at a file that is not there', async () => {
    const { code, err } = await line.run(['send', 'orders', '--file', join(folder, 'none')]);
    expect(code).toBe(1);
    expect(err).toMatch(/^cirrusmq: ENOENT.*\n$/);
  });
});
