import { once } from 'node:events';
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';

/** All of it at once: no process finds a part of it gone. */
function remove(path: string): void {
  renameSync(path, `${path}.removed`);
  rmSync(`${path}.removed`, { recursive: true });
}

const harms: Readonly<Record<string, (data: string) => void>> = {
  deleted: remove,
  emptied(data) {
    // The store first: without its claim alone, a broker would claim the folder anew.
    for (const name of ['store', 'lease']) remove(join(data, name));
  },
  moved: (data) => renameSync(data, `${data}.moved`),
  'replaced by an empty one'(data) {
    remove(data);
    mkdirSync(data);
  },
  'replaced by a copy of itself'(data) {
    renameSync(data, `${data}.moved`);
    cpSync(`${data}.moved`, data, { recursive: true });
  },
  'left without its store': (data) => remove(join(data, 'store')),
};

function send(url: string): Promise<Response> {
  return fetch(`${url}/v1/queues/kept/messages`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
  });
}

describe('a data folder under a running broker', () => {
  it.each(Object.keys(harms))('ends it with a sentence and a failure when it is %s', async (harm) => {
    using folder = temporaryFolder();
    const data = join(folder.path, 'data');
    const broker = startBrokerProcess(['--data', data]);
    const { url } = await broker.ready;
    expect((await send(url)).status).toBe(201);
    const ended = once(broker.process, 'exit');
    harms[harm]?.(data);
    expect(await ended).toEqual([1, null]);
    expect(broker.errors()).toContain(`cirrusmq: The data in ${data} were deleted or replaced`);
    await expect(send(url)).rejects.toThrow();
  });

  it('ends its standby as well, which says that it is gone', async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, 'data');
    const master = startBrokerProcess(['--data', data]);
    await master.ready;
    const standby = startBrokerProcess(['--data', data]);
    await standby.standby;
    const ends = [once(master.process, 'exit'), once(standby.process, 'exit')];
    remove(data);
    expect(await Promise.all(ends)).toEqual([
      [1, null],
      [1, null],
    ]);
    expect(standby.errors()).toContain(`cirrusmq: The folder ${data} is gone.`);
  });

  it('is taken by another broker after it was replaced, and by that one alone', async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, 'data');
    const old = startBrokerProcess(['--data', data]);
    await old.ready;
    const ended = once(old.process, 'exit');
    harms['replaced by an empty one']?.(data);
    const next = startBrokerProcess(['--data', data]);
    const { url } = await next.ready;
    expect(await ended).toEqual([1, null]);
    expect((await send(url)).status).toBe(201);
    await next.end();
    expect(next.process.exitCode).toBe(0);
  });
});
