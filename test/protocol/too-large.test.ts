import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { temporaryFolder } from '../folders.ts';
import { itOwn, type Subject, startSubject, subjectLimits } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

const MiB = 1024 * 1024;
/** More than a request may hold, by so much that no socket takes it at once. */
const body = Buffer.alloc(4 * subjectLimits.batchBytes + 8 * MiB, 'x');
const headers = { 'content-type': 'text/plain' };
/** What goes wrong does so in some of the cases. */
const times = 6;

const clients: Readonly<Record<string, () => Promise<string>>> = {
  async fetch() {
    const response = await fetch(`${broker.url}/v1/queues/q/messages`, { method: 'POST', headers, body });
    return `${response.status} ${await response.text()}`;
  },
  async 'http.request with its length'() {
    return await asked({ ...headers, 'content-length': body.byteLength });
  },
  async 'http.request in chunks'() {
    return await asked(headers);
  },
};

async function asked(given: Readonly<Record<string, string | number>>): Promise<string> {
  const sending = request(`${broker.url}/v1/queues/q/messages`, { method: 'POST', headers: given });
  sending.end(body);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  sending.once('response', (response) => {
    text(response).then((all) => resolve(`${response.statusCode} ${all}`), reject);
  });
  sending.once('error', reject);
  return await promise;
}

const plain = 'it needs HTTP to the broker itself';

describe('a request that is too large', () => {
  for (const [client, ask] of Object.entries(clients)) {
    itOwn(plain, `has its answer read by ${client}`, async () => {
      for (let i = 0; i < times; i++) expect(await ask()).toMatch(/^413 .*BODY_TOO_LARGE/);
    });
  }

  itOwn(plain, 'has its answer read by the command line', async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, 'large');
    writeFileSync(file, body);
    for (let i = 0; i < 3; i++) {
      const args = ['lib/cli/main.ts', 'send', 'q', '--file', file];
      const child = spawn(process.execPath, args, { env: { ...process.env, CIRRUSMQ_URL: broker.url } });
      const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
      expect(said).toContain('BODY_TOO_LARGE');
      expect(code).toBe(1);
    }
  });

  itOwn(plain, 'is read on for no longer than a bound, and the broker goes on', async () => {
    const { hostname, port, host } = new URL(broker.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    let replied = '';
    socket.on('data', (octets) => {
      replied += octets.toString();
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`POST /v1/queues/q/messages HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${1024 * MiB}\r\n\r\n`);
    let sent = 0;
    const piece = Buffer.alloc(MiB);
    const write = () => new Promise((resolve) => socket.write(piece, resolve));
    for (; !socket.destroyed && sent < 512 * MiB; sent += MiB) await write();
    await closed;
    expect(replied).toMatch(/^HTTP\/1.1 413 /);
    expect(sent).toBeLessThan(512 * MiB);
    expect((await fetch(`${broker.url}/health`)).status).toBe(200);
  });
});
