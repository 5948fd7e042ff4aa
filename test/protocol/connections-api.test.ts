import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiGatewayPush } from '../../lib/gateway/api-gateway.ts';
import type { Push } from '../../lib/gateway/push.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { itOwn, type Subject, startSubject } from '../subject.ts';

let broker: Subject;
let push: Push;
beforeAll(async () => {
  broker = await startSubject();
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  push = apiGatewayPush({ endpoint: broker.url, region: 'us-east-1', credentials });
});
afterAll(() => broker.close());

/** A session, and its connection's id. */
async function openSession(): Promise<{ raw: RawStomp; id: string }> {
  const raw = await RawStomp.open(broker.rawUrl);
  const connected = await raw.ask('CONNECT\naccept-version:1.2\nhost:any\n\n\0');
  return { raw, id: connected.headers.session ?? '' };
}

const unsigned = 'its management API asks for a signature';

describe('the AWS management client on /@connections', () => {
  itOwn(unsigned, 'posts to a connection', async () => {
    const { raw, id } = await openSession();
    const frame = Buffer.from('MESSAGE\nmessage-id:1\nsubscription:s\ndestination:/queue/a\n\nposted\0');
    // The model of API Gateway refuses a post now and then.
    await expect.poll(() => push.post(id, frame, 1000)).toBe('sent');
    expect(textOf(await raw.next())).toBe('posted');
  });

  itOwn(unsigned, 'finds a connection open, closes it, and then finds it gone', async () => {
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
