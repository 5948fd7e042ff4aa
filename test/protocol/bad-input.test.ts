import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawStomp, textOf } from '../raw-stomp.ts';
import {
  describeOrdered,
  freshName,
  itOrdered,
  itUnordered,
  subjectLimits as limits,
  type Subject,
  startSubject,
} from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

/** Sends what is wrong in a session of its own; gives the ERROR, after which the server has closed it. */
async function refusalOf(octets: string | Uint8Array, version: '1.0' | '1.1' | '1.2' = '1.2') {
  const raw = await RawStomp.connect(broker.rawUrl, version);
  const frame = await raw.ask(octets);
  await raw.closed;
  return { command: frame.command, ...frame.headers, text: textOf(frame) };
}

async function isAlive(): Promise<boolean> {
  const raw = await RawStomp.connect(broker.rawUrl);
  const receipt = await raw.ask(`SEND\ndestination:${freshName()}\nreceipt:alive\n\nstill here\0`);
  raw.destroy();
  return receipt.command === 'RECEIPT' && receipt.headers['receipt-id'] === 'alive';
}

type Wrong = readonly [what: string, octets: string | Uint8Array, code: string, says: RegExp];

const huge = limits.frameBytes + 1;
const wrongs: readonly Wrong[] = [
  ['an unknown command', 'PUBLISH\nreceipt:1\n\n\0', 'INVALID_FRAME', /"PUBLISH".*SEND/],
  ['a missing destination', 'SEND\nreceipt:1\n\nbody\0', 'INVALID_HEADER', /destination/],
  ['a header without a colon', 'SEND\ndestination\n\nbody\0', 'INVALID_FRAME', /destination.*colon/],
  ['a header without a name', 'SEND\n:value\n\nbody\0', 'INVALID_HEADER', /name/],
  ['an undefined escape', 'SEND\ndestination:/queue/a\nx:a\\tb\n\nbody\0', 'INVALID_HEADER', /\\t/],
  [
    'a content-length too short',
    'SEND\ndestination:/queue/a\ncontent-length:2\n\nbody\0',
    'INVALID_FRAME',
    /content-length/,
  ],
  [
    'a content-length over the limit',
    `SEND\ndestination:/queue/a\ncontent-length:${huge}\n\nb`,
    'BODY_TOO_LARGE',
    /octets/,
  ],
  [
    'a content-length that is no number',
    'SEND\ndestination:/queue/a\ncontent-length:4x\n\nbody\0',
    'INVALID_HEADER',
    /content-length/,
  ],
  ['a header line over the limit', `SEND\nx:${'y'.repeat(limits.headerBytes)}\n\n\0`, 'LIMIT_EXCEEDED', /header/],
  ['too many headers', `SEND\n${'a:b\n'.repeat(limits.headerCount + 1)}\n\0`, 'LIMIT_EXCEEDED', /headers/],
  ['a second CONNECT', 'CONNECT\naccept-version:1.2\nhost:a\n\n\0', 'ALREADY_CONNECTED', /session/],
  ['a subscription without an id', 'SUBSCRIBE\ndestination:/queue/a\n\n\0', 'INVALID_HEADER', /"id"/],
  ['a subscription to nothing', 'SUBSCRIBE\nid:1\n\n\0', 'INVALID_HEADER', /"destination"/],
  [
    'an ack mode that is none',
    'SUBSCRIBE\nid:1\ndestination:/queue/a\nack:maybe\n\n\0',
    'INVALID_HEADER',
    /auto, client/,
  ],
  [
    'a prefetch that is no number',
    'SUBSCRIBE\nid:1\ndestination:/queue/a\nprefetch-count:many\n\n\0',
    'INVALID_HEADER',
    /prefetch-count/,
  ],
  ['an acknowledgement that never was', 'ACK\nid:bm90aGluZw\nreceipt:1\n\n\0', 'INVALID_TOKEN', /ack header/],
  ['a queue without a name', 'SEND\ndestination:/queue/\n\nbody\0', 'INVALID_DESTINATION', /empty/],
  ['a destination of no kind', 'SEND\ndestination:/heap/a\n\nbody\0', 'INVALID_DESTINATION', /\/queue\//],
  ['a name with a space', 'SEND\ndestination:/queue/a b\n\nbody\0', 'INVALID_DESTINATION', /letters .*, digits/],
  ['a name that is not in NFC', 'SEND\ndestination:/queue/cafe\u0301\n\nbody\0', 'INVALID_DESTINATION', /NFC/],
  ['a wildcard', 'SUBSCRIBE\nid:1\ndestination:/topic/prices.>\n\n\0', 'NOT_SUPPORTED', /ildcards/],
  ['a name that is a verb', 'SEND\ndestination:/queue/a/messages\n\nbody\0', 'INVALID_DESTINATION', /"messages"/],
  [
    'a name that is too long',
    `SEND\ndestination:/queue/${'a'.repeat(300)}\n\nbody\0`,
    'INVALID_DESTINATION',
    /may have 251/,
  ],
  ['a temporary topic', 'SEND\ndestination:/temp-topic/a\n\nbody\0', 'NOT_SUPPORTED', /temp-topic/],
  [
    'an acknowledged subscription to a topic',
    'SUBSCRIBE\nid:1\ndestination:/topic/a\nack:client\n\n\0',
    'NOT_SUPPORTED',
    /ack mode client .* topic/,
  ],
  [
    'a durable subscription',
    'SUBSCRIBE\nid:1\ndestination:/topic/a\nactivemq.subscriptionName:s\n\n\0',
    'NOT_SUPPORTED',
    /"activemq.subscriptionName"/,
  ],
  ['a temporary queue', 'SUBSCRIBE\nid:1\ndestination:/temp-queue/a\n\n\0', 'NOT_SUPPORTED', /temp-queue/],
  ['a transaction without a name', 'BEGIN\n\n\0', 'INVALID_HEADER', /"transaction"/],
  ['a transaction of a long name', `BEGIN\ntransaction:${'t'.repeat(129)}\n\n\0`, 'INVALID_HEADER', /128 octets/],
  [
    'a transaction that is begun twice',
    'BEGIN\ntransaction:t\n\n\0BEGIN\ntransaction:t\n\n\0',
    'DUPLICATE_TRANSACTION',
    /"t" already/,
  ],
  [
    'a SEND in a transaction that is not begun',
    'SEND\ndestination:/queue/a\ntransaction:t\n\nbody\0',
    'UNKNOWN_TRANSACTION',
    /BEGIN opens one/,
  ],
  ['the end of a transaction that is not begun', 'COMMIT\ntransaction:t\n\n\0', 'UNKNOWN_TRANSACTION', /"t"/],
  ['a rollback of a transaction that is not begun', 'ABORT\ntransaction:t\n\n\0', 'UNKNOWN_TRANSACTION', /"t"/],
  [
    'a transaction with more actions than it may have',
    `BEGIN\ntransaction:t\n\n\0${'SEND\ndestination:a\ntransaction:t\n\n\0'.repeat(1001)}`,
    'LIMIT_EXCEEDED',
    /1000 actions/,
  ],
  ['a selector', "SUBSCRIBE\nid:1\ndestination:/queue/a\nselector:a = 'b'\n\n\0", 'NOT_SUPPORTED', /elector/],
  ...(
    [
      ['SEND', '/queue/a', 'AMQ_SCHEDULED_DELAY:5000'],
      ['SEND', '/topic/a', 'AMQ_SCHEDULED_CRON:0 * * * *'],
      ['SEND', '/queue/a', 'JMSXGroupID:one'],
      ['SEND', '/queue/a', 'expiration:60000'],
      ['SEND', '/queue/a', 'reply-to:/temp-queue/answers'],
      ['SUBSCRIBE', '/queue/a', 'activemq.exclusive:true'],
      ['SUBSCRIBE', '/queue/a', 'exclusive:True'],
      ['SUBSCRIBE', '/queue/a', 'x-message-ttl:60000'],
      ['SUBSCRIBE', '/topic/a', 'persistent:true'],
      ['SUBSCRIBE', '/topic/a', 'auto-delete:false\nx-queue-name:mine'],
      ['SUBSCRIBE', '/topic/a', 'browser:true'],
    ] as const
  ).map(([command, destination, header]): Wrong => {
    const octets = `${command}\nid:1\ndestination:${destination}\n${header}\n\n\0`;
    return [
      `${command} with ${header.split('\n')[0]}`,
      octets,
      'NOT_SUPPORTED',
      new RegExp(header.split(':')[0] ?? ''),
    ];
  }),
  [
    'a NACK whose requeue is no boolean',
    'NACK\nid:a\nrequeue:never\n\n\0',
    'INVALID_HEADER',
    /requeue is true or false/,
  ],
  ['a NACK whose delay is no time', 'NACK\nid:a\ndelay:1.5\n\n\0', 'INVALID_HEADER', /delay is a whole number/],
  ['a NACK with a delay of days', 'NACK\nid:a\ndelay:99999999\n\n\0', 'INVALID_HEADER', /at most 43200000/],
  ['a NACK with both', 'NACK\nid:a\nrequeue:false\ndelay:5\n\n\0', 'INVALID_HEADER', /not both/],
  ['an expiry that is no time', 'SEND\ndestination:/queue/a\nexpires:soon\n\nbody\0', 'INVALID_HEADER', /expires/],
  ['a priority out of range', 'SEND\ndestination:/queue/a\npriority:10\n\nbody\0', 'INVALID_HEADER', /priority/],
];

const outOfOrder: Wrong = [
  'an unknown subscription',
  'UNSUBSCRIBE\nid:none\nreceipt:1\n\n\0',
  'UNKNOWN_SUBSCRIPTION',
  /"none"/,
];

/** What API Gateway does not let through to the broker. */
const keptOut: readonly Wrong[] = [
  [
    'a frame over the limit',
    Buffer.concat([Buffer.from('SEND\ndestination:/queue/a\n\n'), Buffer.alloc(huge, 'x')]),
    'BODY_TOO_LARGE',
    /octets/,
  ],
  [
    'a body over the limit',
    `SEND\ndestination:/queue/a\n\n${'x'.repeat(limits.bodyBytes + 1)}\0`,
    'BODY_TOO_LARGE',
    /4194305 octets.*4194304/,
  ],
  [
    'invalid UTF-8 in a header',
    Buffer.from('SEND\ndestination:/queue/\xff\n\nbody\0', 'latin1'),
    'INVALID_FRAME',
    /UTF-8/,
  ],
];

async function expectRefusal([, octets, code, says]: Wrong): Promise<void> {
  const refusal = await refusalOf(octets);
  expect(refusal).toMatchObject({ command: 'ERROR', code });
  expect(refusal.text).toMatch(says);
  expect(refusal.text).not.toMatch(/ at .*:\d+/);
  expect(await isAlive()).toBe(true);
}

describe('over STOMP', () => {
  for (const wrong of wrongs) {
    it(`${wrong[0]} is an ERROR that says so, and the server goes on`, () => expectRefusal(wrong));
  }

  for (const wrong of keptOut) {
    const title = `${wrong[0]} is an ERROR that says so, and the server goes on`;
    itOrdered('API Gateway closes the connection itself', title, () => expectRefusal(wrong));
  }

  itOrdered(
    'an UNSUBSCRIBE may be handled before its SUBSCRIBE there',
    `${outOfOrder[0]} is an ERROR that says so, and the server goes on`,
    () => expectRefusal(outOfOrder),
  );

  itUnordered('these sockets keep order', 'an UNSUBSCRIBE need not wait for its SUBSCRIBE', async () => {
    const raw = await RawStomp.connect(broker.rawUrl);
    const queue = freshName();
    raw.send(`SUBSCRIBE\nid:s\ndestination:${queue}\nreceipt:sub\n\n\0`);
    raw.send('UNSUBSCRIBE\nid:s\nreceipt:unsub\n\n\0');
    await Promise.all([raw.confirm('', 'sub'), raw.confirm('', 'unsub')]);
    const consumers = async () => {
      const response = await fetch(`${broker.url}/v1/queues/${queue}`);
      return response.status === 404 ? 0 : ((await response.json()) as { consumers: number }).consumers;
    };
    await expect.poll(consumers).toBe(0);
    raw.destroy();
  });

  itUnordered('these sockets keep order', 'a frame that is not whole within its message is an ERROR', async () => {
    for (const half of ['SEND\ndestination:/queue/a\n\nbody', 'SEND\ncontent-length:50\n\nbody\0']) {
      const refusal = await refusalOf(half);
      expect(refusal).toMatchObject({ command: 'ERROR', code: 'INVALID_FRAME' });
      expect(refusal.text).toMatch(/whole within one message/);
    }
  });

  it('an ERROR names the receipt that was asked for', async () => {
    expect(await refusalOf('SEND\nreceipt:mine\n\nbody\0')).toMatchObject({ 'receipt-id': 'mine' });
    expect(await refusalOf('PUBLISH\nreceipt:mine\n\nbody\0')).toMatchObject({ 'receipt-id': 'mine' });
  });

  it('what came before the faulty frame is done and confirmed', async () => {
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.send(`SEND\ndestination:${freshName()}\nreceipt:good\n\nbody\0FOO\n\n\0`);
    expect((await raw.next()).headers['receipt-id']).toBe('good');
    expect((await raw.next()).command).toBe('ERROR');
  });

  it('a frame before CONNECT is refused', async () => {
    const raw = await RawStomp.open(broker.rawUrl);
    const frame = await raw.ask('SEND\ndestination:/queue/a\n\nbody\0');
    expect(frame.headers.code).toBe('NOT_CONNECTED');
    await raw.closed;
  });

  it('a version that is not supported is refused with those that are', async () => {
    const raw = await RawStomp.open(broker.rawUrl);
    const frame = await raw.ask('CONNECT\naccept-version:3.0\nhost:a\n\n\0');
    expect(frame.headers).toMatchObject({ code: 'UNSUPPORTED_VERSION', version: '1.0,1.1,1.2' });
    await raw.closed;
  });

  it('NACK is unknown to 1.0', async () => {
    expect(await refusalOf('NACK\nmessage-id:a\n\n\0', '1.0')).toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it('a carriage return is no escape of 1.1', async () => {
    const wrong = 'SEND\ndestination:/queue/a\nx:a\\rb\n\nbody\0';
    expect(await refusalOf(wrong, '1.1')).toMatchObject({ code: 'INVALID_HEADER' });
  });

  it('a second subscription of the same id is refused', async () => {
    const raw = await RawStomp.connect(broker.rawUrl);
    const subscribe = `SUBSCRIBE\nid:1\ndestination:${freshName()}\nreceipt:r\n\n\0`;
    expect((await raw.ask(subscribe)).command).toBe('RECEIPT');
    expect((await raw.ask(subscribe)).headers.code).toBe('DUPLICATE_SUBSCRIPTION');
  });
});

describeOrdered('a frame is whole within one message', 'half a frame and then silence', () => {
  it.each([
    ['a frame that does not end', 'SEND\ndestination:/queue/a\n\nbody'],
    ['a content-length that is too long', 'SEND\ndestination:/queue/a\ncontent-length:50\n\nbody\0'],
  ])('%s ends in an ERROR when the patience is over', async (_what, octets) => {
    const raw = await RawStomp.connect(impatient.rawUrl);
    const frame = await raw.ask(octets);
    expect(frame.headers.code).toBe('INVALID_FRAME');
    expect(textOf(frame)).toMatch(/rest of a frame/);
    await raw.closed;
  });

  it('names the command that is none, of which no more came', async () => {
    const raw = await RawStomp.open(impatient.rawUrl);
    const frame = await raw.ask('HELP\r\n');
    expect(frame.headers.code).toBe('INVALID_FRAME');
    expect(textOf(frame)).toMatch(/"HELP" is no command/);
    await raw.closed;
  });

  let impatient: Subject;
  beforeAll(async () => {
    impatient = await startSubject({ frameIdleMs: 200 });
  });
  afterAll(() => impatient.close());
});
