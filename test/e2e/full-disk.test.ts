import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { isMountable, smallDisk } from '../small-disk.ts';

const BODY = Buffer.alloc(200 * 1024);
const json = { 'content-type': 'application/json' };

describe.skipIf(!isMountable())('a broker on a full disk (skipped where no small disk can be mounted)', () => {
  it('refuses what is sent, is drained, starts anew, and takes messages again', async () => {
    using disk = smallDisk(48);
    const data = join(disk.path, 'data');
    const first = startBrokerProcess(['--data', data]);
    const sent = await sendUntilRefused(first);
    expect(sent.refusal).toMatchObject({ status: 503, error: { code: 'OVERLOADED', retryable: true } });
    expect(sent.refusal.error.message).toMatch(/disk is full/);
    expect(await consume(first, 20)).toBe(20);
    await first.end();
    fillUp(disk.path);

    const second = startBrokerProcess(['--data', data]);
    await second.ready;
    expect(await consume(second, 10_000)).toBe(sent.count - 20);
    const { url } = await second.ready;
    expect((await send(url)).status).toBe(201);
    expect(await consume(second, 10)).toBe(1);
    await second.end();
    expect([first, second].map(({ process }) => process.exitCode)).toEqual([0, 0]);
  });
});

type Reply = { readonly status: number; readonly error: { readonly code: string; readonly message: string } };

async function send(url: string): Promise<Reply> {
  const headers = { 'content-type': 'application/octet-stream' };
  const response = await fetch(`${url}/v1/queues/q/messages`, { method: 'POST', headers, body: BODY });
  return { status: response.status, ...((await response.json()) as Omit<Reply, 'status'>) };
}

async function sendUntilRefused({ ready }: BrokerProcess) {
  const { url } = await ready;
  for (let count = 0; ; count++) {
    const refusal = await send(url);
    if (refusal.status !== 201) return { count, refusal };
  }
}

/** Receives and acknowledges some messages after the others, until there are no more, or `most`. */
async function consume({ ready }: BrokerProcess, most: number): Promise<number> {
  const { url } = await ready;
  for (let count = 0; ; ) {
    const max = Math.min(most - count, 20);
    if (max === 0) return count;
    const { messages } = (await post(`${url}/v1/queues/q/receive`, { max })) as { messages: { token: string }[] };
    if (messages.length === 0) return count;
    await post(`${url}/v1/deliveries/acknowledge`, { tokens: messages.map(({ token }) => token) });
    count += messages.length;
  }
}

async function post(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', headers: json, body: JSON.stringify(body) });
  expect(response.ok).toBe(true);
  return await response.json();
}

function fillUp(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, 'eaten'), Buffer.alloc(bavail * bsize));
}
