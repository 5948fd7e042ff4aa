import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiGatewayPush } from '../../lib/gateway/api-gateway.ts';
import type { Push } from '../../lib/gateway/push.ts';
import type { RunningBroker } from '../../lib/server/options.ts';
import { startBroker } from '../../lib/server/start-broker.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';

let broker: RunningBroker;
let push: Push;
beforeAll(async () => {
  broker = await startBroker({ port: 0, memory: true });
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  push = apiGatewayPush({ endpoint: broker.url, region: 'us-east-1', credentials });
});
afterAll(() => broker.close());

/** A session, and its connection's id. */
async function openSession(): Promise<{ raw: RawStomp; id: string }> {
  const raw = await RawStomp.open(broker.stompUrl);
  const connected = await raw.ask('CONNECT\naccept-version:1.2\nhost:any\n\n\0');
  return { raw, id: connected.headers.session ?? '' };
}

describe('the AWS management client on /@connections', () => {
  it('posts to a connection', async () => {
    const { raw, id } = await openSession();
    const frame = Buffer.from('MESSAGE\nmessage-id:1\nsubscription:s\ndestination:/queue/a\n\nposted\0');
    expect(await push.post(id, frame, 1000)).toBe('sent');
    expect(textOf(await raw.next())).toBe('posted');
  });

  it('finds a connection open, closes it, and then finds it gone', async () => {
    const { raw, id } = await openSession();
    expect(await push.isOpen(id)).toBe(true);
    await push.close(id);
    await raw.closed;
    await expect.poll(() => push.isOpen(id)).toBe(false);
    expect(await push.post(id, Buffer.from('\n'), 1000)).toBe('gone');
    await push.close(id);
  });

  it('takes an answer that does not come in time for an unknown outcome', async () => {
    const nobody = apiGatewayPush({
      endpoint: 'http://127.0.0.1:9',
      region: 'us-east-1',
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
    expect(await nobody.post('c', Buffer.from('\n'), 500)).toBe('unknown');
  });
});
