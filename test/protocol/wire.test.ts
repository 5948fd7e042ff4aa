import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RawStomp } from '../raw-stomp.ts';
import { describeOrdered, freshName, type Subject, startSubject } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

const hello = 'CONNECT\naccept-version:1.0\nhost:a\n\n\0';

function talk(queue: string): string {
  const sends = Array.from({ length: 5 }, (_, i) => `SEND\ndestination:${queue}\n\n${i}\0`).join('');
  const octets = `SEND\ndestination:${queue}\ncontent-length:3\n\n\0\0\0\0`;
  return `${sends}${octets}SUBSCRIBE\nid:s\ndestination:${queue}\nreceipt:r\n\n\0`;
}

describeOrdered('plain TCP is not in the cloud', 'what the broker writes', () => {
  it('over TCP ends each frame with a NUL and a line feed, which PHP and others read as one', async () => {
    const { hostname, port } = new URL(broker.rawUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    socket.on('data', (octets) => {
      text += octets.toString('latin1');
    });
    const queue = freshName();
    socket.write(hello + talk(queue));
    const count = () => text.split('MESSAGE\n').length - 1;
    while (count() < 6 || !text.includes('RECEIPT') || !text.endsWith('\n')) await once(socket, 'data');
    socket.write('FETCH\n\n\0');
    await once(socket, 'end');
    const commands: string[] = [];
    for (let at = 0; at < text.length; ) {
      const head = text.slice(at, text.indexOf('\n\n', at));
      commands.push(head.split('\n')[0] ?? '');
      const bodyAt = at + head.length + 2;
      const length = /content-length:(\d+)/.exec(head)?.[1];
      const nul = length === undefined ? text.indexOf('\0', bodyAt) : bodyAt + Number(length);
      expect(text.slice(nul, nul + 2)).toBe('\0\n');
      at = nul + 2;
    }
    const messages = Array.from({ length: 6 }, () => 'MESSAGE');
    expect(commands.sort()).toEqual(['CONNECTED', 'ERROR', ...messages, 'RECEIPT']);
  });

  it('over WebSocket holds nothing between and after its frames', async () => {
    const socket = new WebSocket(broker.webSocketUrl);
    await once(socket, 'open');
    let text = '';
    socket.on('message', (octets: Buffer) => {
      text += octets.toString('latin1');
    });
    socket.send(hello + talk(freshName()));
    while (text.split('MESSAGE\n').length < 7) await once(socket, 'message');
    expect(text).not.toMatch(/\0\n/);
    socket.terminate();
  });
});

describeOrdered('in the cloud a heart-beat is billed, and none is offered', 'heart-beats', () => {
  it('are as quick as is asked, down to a second', async () => {
    const raw = await RawStomp.open(broker.rawUrl);
    const connected = await raw.ask('CONNECT\naccept-version:1.2\nhost:a\nheart-beat:0,1000\n\n\0');
    expect(connected.headers['heart-beat']).toBe('1000,1000');
    const before = raw.heartBeats;
    await expect.poll(() => raw.heartBeats, { timeout: 5000 }).toBeGreaterThan(before + 1);
    raw.destroy();
  });

  it('tell of a peer that is gone within three of them', async () => {
    const raw = await RawStomp.open(broker.rawUrl);
    const begun = performance.now();
    await raw.ask('CONNECT\naccept-version:1.2\nhost:a\nheart-beat:1000,0\n\n\0');
    await raw.closed;
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('are not missed of a client whose octets wait while the process is busy', async () => {
    const lively = await startSubject({ heartBeatReceiveMs: 100 });
    const raw = await RawStomp.open(lively.rawUrl);
    await raw.ask('CONNECT\naccept-version:1.2\nhost:a\nheart-beat:100,0\n\n\0');
    const until = performance.now() + 400;
    raw.send('\n');
    while (performance.now() < until);
    const confirmed = await raw.confirm(`SEND\ndestination:${freshName()}\nreceipt:r\n\nx\0`, 'r');
    expect(confirmed.command).toBe('RECEIPT');
    raw.destroy();
    await lively.close();
  });
});
