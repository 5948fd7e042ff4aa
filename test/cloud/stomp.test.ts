import type { IMessage } from '@stomp/stompjs';
import { describe, expect, it } from 'vitest';
import { connect, sendWithReceipt, subscribe, withReceipt } from '../stomp-clients.ts';

const url = process.env.CIRRUSMQ_WEBSOCKET_URL ?? '';

describe.skipIf(!url)('the deployed broker over STOMP', () => {
  it('takes messages with receipts, delivers them and takes their acknowledgement', async () => {
    const connected = await connect(url);
    const got = Promise.withResolvers<IMessage>();
    await subscribe(connected, '/queue/cloud-one', got.resolve);
    await sendWithReceipt(connected, '/queue/cloud-one', 'one espresso');
    const message = await got.promise;
    expect(message.body).toBe('one espresso');
    await withReceipt(connected.client, (receipt) => message.ack({ receipt }));
    await connected.client.deactivate();
  });
});
