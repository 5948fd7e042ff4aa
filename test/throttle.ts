import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A way to DynamoDB on which single tables can be throttled. */
export type Throttle = {
  readonly endpoint: string;
  /** From now on every request to this table is refused as too many; undefined: none is. */
  readonly throttle: (table: string | undefined) => void;
  /** How many requests were refused. */
  readonly refused: () => number;
  readonly close: () => void;
};

const refusal = JSON.stringify({
  __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
  message: 'The level of configured provisioned throughput for the table was exceeded.',
});

export async function throttleBefore(engine: string): Promise<Throttle> {
  let throttled: string | undefined;
  let refused = 0;
  const server = createServer(async (incoming, outgoing) => {
    const body = await buffer(incoming);
    if (throttled !== undefined && body.includes(`"${throttled}"`)) {
      refused++;
      outgoing.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(refusal);
      return;
    }
    const onward = request(engine, { method: 'POST', headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    onward.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    throttle: (table) => {
      throttled = table;
    },
    refused: () => refused,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
