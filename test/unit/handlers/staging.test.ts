import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Action } from '../../../lib/handlers/actions.ts';
import { Staging } from '../../../lib/handlers/staging.ts';

function sendOf(bodyBytes: number): Action & { readonly send: object } {
  const message = { body: new Uint8Array(bodyBytes), text: false, headers: {} };
  return { send: { destination: { kind: 'queue', name: 'q' }, message } };
}

const rejection: Action = {
  shard: '/queue/q',
  settling: { kind: 'reject-message', consumer: 'c', key: 'k', index: 0, upTo: false },
};

const MiB = 1024 * 1024;

/** Octets of the heap that are in use, after a collection. */
async function heapBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  await runInNewContext('gc')({ type: 'major', execution: 'async' });
  return process.memoryUsage().heapUsed;
}

describe('open transactions', () => {
  it('are sixteen of a connection at most', async () => {
    const staging = new Staging();
    for (let n = 0; n < 16; n++) staging.begin('c', `t${n}`);
    expect(() => staging.begin('c', 'more')).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    staging.begin('another', 'more');
    await staging.take('c', 't0', async () => {});
    staging.begin('c', 'more');
  });

  it('hold so many octets of a connection, and of all', () => {
    const staging = new Staging();
    for (let n = 0; n < 8; n++) {
      staging.begin(`c${n}`, 't');
      for (let sent = 0; sent < 7; sent++) staging.add(`c${n}`, 't', sendOf(4 * MiB));
      expect(() => staging.add(`c${n}`, 't', sendOf(5 * MiB))).toThrow(
        expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
      );
    }
    staging.begin('late', 't');
    for (let sent = 0; sent < 7; sent++) staging.add('late', 't', sendOf(4 * MiB));
    expect(() => staging.add('late', 't', sendOf(5 * MiB))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    staging.begin('latest', 't');
    expect(() => staging.add('latest', 't', sendOf(5 * MiB))).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    staging.forget('late');
    staging.add('latest', 't', sendOf(5 * MiB));
  });

  it('keep bodies of their own: what was read from the network is used again', async () => {
    const staging = new Staging();
    const sent = sendOf(3);
    staging.begin('c', 't');
    staging.add('c', 't', sent);
    sent.send.message.body.fill(9);
    await staging.take('c', 't', async ([kept]) => {
      expect([...(kept?.send?.message.body ?? [])]).toEqual([0, 0, 0]);
    });
  });

  it('hold room for what has no body, too', () => {
    const staging = new Staging();
    const fill = (connection: string) => {
      for (let n = 0; n < 16; n++) staging.begin(connection, `t${n}`);
      for (let n = 0; n < 16_000; n++) staging.add(connection, `t${n % 16}`, rejection);
    };
    expect(() => {
      for (let n = 0; n < 40; n++) fill(`c${n}`);
    }).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
  });

  it('keep the room of what is being carried out', async () => {
    const staging = new Staging();
    for (let n = 0; n < 8; n++) staging.begin(`c${n}`, 't');
    for (let sent = 0; sent < 7 * 8; sent++) staging.add(`c${sent % 8}`, 't', sendOf(4 * MiB));
    staging.begin('late', 't');
    const overload = () => {
      for (let sent = 0; sent < 7; sent++) staging.add('late', 't', sendOf(4.5 * MiB));
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    const taken = staging.take('c0', 't', () => promise);
    overload();
    expect(overload).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    staging.begin('latest', 't');
    expect(() => staging.add('latest', 't', sendOf(4 * MiB))).toThrow(expect.objectContaining({ code: 'OVERLOADED' }));
    resolve();
    await taken;
    staging.add('latest', 't', sendOf(4 * MiB));
  });

  it('keep nothing of the frames that they came in', async () => {
    const staging = new Staging();
    staging.begin('c', 't');
    const before = await heapBytes();
    for (let n = 0; n < 500; n++) {
      const block = Buffer.alloc(256 * 1024, `${n} `).toString('latin1');
      const headers = { [block.slice(0, 20)]: block.slice(20, 40) };
      const message = { body: new Uint8Array(1), text: false, headers };
      staging.add('c', 't', { send: { destination: { kind: 'queue', name: block.slice(40, 60) }, message } });
      const settling = { kind: 'acknowledge-message', consumer: 'c', key: block.slice(60, 76), index: 0, upTo: false };
      staging.add('c', 't', { shard: '/queue/q', settling } as Action);
    }
    expect((await heapBytes()) - before).toBeLessThan(8 * MiB);
  });

  it('end with their connection', async () => {
    const staging = new Staging();
    staging.begin('c', 't');
    staging.forget('c');
    await expect(staging.take('c', 't', async () => {})).rejects.toMatchObject({ code: 'UNKNOWN_TRANSACTION' });
  });
});
