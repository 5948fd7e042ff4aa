import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../lib/model/errors.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import type { StompVersion } from '../../../lib/stomp/frame.ts';
import { FrameParser, type Parsed, type ParserOptions } from '../../../lib/stomp/parser.ts';

const defaults: ParserOptions = { limits: localLimits, version: '1.2', role: 'server' };

function parser(options: Partial<ParserOptions> = {}): FrameParser {
  return new FrameParser({ ...defaults, ...options });
}

function parse(text: string | Buffer, options: Partial<ParserOptions> = {}): Parsed {
  return parser(options).push(Buffer.from(text));
}

/** The one frame of the text, its body as text. */
function frameOf(text: string | Buffer, options: Partial<ParserOptions> = {}) {
  const { frames, error } = parse(text, options);
  if (error) throw error;
  expect(frames).toHaveLength(1);
  const [frame] = frames;
  return { ...frame, headers: { ...frame?.headers }, body: Buffer.from(frame?.body ?? []).toString() };
}

function errorOf(text: string | Buffer, options: Partial<ParserOptions> = {}): BrokerError {
  const { error } = parse(text, options);
  expect(error).toBeInstanceOf(BrokerError);
  return error ?? new BrokerError('INTERNAL', 'There was no error.');
}

describe('a frame (STOMP 1.2, "STOMP Frames")', () => {
  it('has a command, headers and a body that ends at the first NUL', () => {
    expect(frameOf('SEND\ndestination:/queue/a\nx:1\n\nhello\0')).toEqual({
      command: 'SEND',
      headers: { destination: '/queue/a', x: '1' },
      body: 'hello',
      hasContentLength: false,
    });
  });

  it('may have no headers and no body', () => {
    expect(frameOf('DISCONNECT\n\n\0')).toMatchObject({ command: 'DISCONNECT', headers: {}, body: '' });
  });

  it.each<StompVersion>(['1.0', '1.1', '1.2'])('may end its lines with CR LF in %s', (version) => {
    expect(frameOf('SEND\r\ndestination:/queue/a\r\n\r\n\r\nhi\0', { version })).toMatchObject({
      headers: { destination: '/queue/a' },
      body: '\r\nhi',
    });
  });

  it('keeps apart line ends that are mixed', () => {
    expect(frameOf('SEND\r\na:1\nb:2\r\n\nhi\0')).toMatchObject({ headers: { a: '1', b: '2' }, body: 'hi' });
  });

  it('is yielded with all others of the same piece, in order', () => {
    const { frames } = parse('BEGIN\ntransaction:1\n\n\0SEND\ntransaction:1\n\nx\0\nCOMMIT\ntransaction:1\n\n\0');
    expect(frames.map((frame) => frame.command)).toEqual(['BEGIN', 'SEND', 'COMMIT']);
  });

  it('has headers without a prototype, whatever their names', () => {
    const { frames } = parse('SEND\n__proto__:x\nconstructor:y\n\n\0');
    const headers = frames[0]?.headers ?? {};
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});

describe('the role', () => {
  it.each(['CONNECT', 'STOMP', 'SEND', 'SUBSCRIBE', 'UNSUBSCRIBE', 'ACK', 'NACK', 'BEGIN', 'COMMIT', 'ABORT'])(
    'lets a server read %s and a client refuse it',
    (command) => {
      expect(frameOf(`${command}\n\n\0`).command).toBe(command);
      expect(errorOf(`${command}\n\n\0`, { role: 'client' }).code).toBe('INVALID_FRAME');
    },
  );

  it.each(['CONNECTED', 'MESSAGE', 'RECEIPT', 'ERROR'])('lets a client read %s and a server refuse it', (command) => {
    expect(frameOf(`${command}\n\n\0`, { role: 'client' }).command).toBe(command);
    expect(errorOf(`${command}\n\n\0`).code).toBe('INVALID_FRAME');
  });
});

describe('an unknown command', () => {
  it('is refused by name, with the list of what is allowed', () => {
    expect(errorOf('FETCH\n\n').message).toBe(
      '"FETCH" is no command of a client; allowed are CONNECT, STOMP, SEND, SUBSCRIBE, UNSUBSCRIBE, ACK, NACK, BEGIN, COMMIT, ABORT, DISCONNECT.',
    );
    expect(errorOf('SEND\n\n\0', { role: 'client' }).message).toContain('of a server; allowed are CONNECTED');
  });

  it('is refused as soon as its head is complete, for the receipt that it may ask for', () => {
    const parsing = parser();
    expect(parsing.push(Buffer.from('send\nreceipt:r\n')).error).toBeUndefined();
    const { error } = parsing.push(Buffer.from('\n'));
    expect(error?.message).toContain('"send"');
    expect(error?.details).toEqual({ receipt: 'r' });
  });

  it.each([
    ['a NUL', 'FETCH\n\0'],
    ['a header line that is too long', `FETCH\na:${'x'.repeat(9000)}`],
    ['too many headers', `FETCH\n${'a:1\n'.repeat(65)}`],
  ])('is what is wrong, whatever follows it: %s', (_, text) => {
    expect(errorOf(text).message).toContain('"FETCH" is no command');
  });

  it('is refused without a line end once it is longer than any command', () => {
    const parsing = parser();
    expect(parsing.push(Buffer.from('UNSUBSCRIBE')).error).toBeUndefined();
    expect(parsing.push(Buffer.from('\r')).error).toBeUndefined();
    expect(parsing.push(Buffer.from('x')).error?.message).toContain('"UNSUBSCRIBE\\r"');
    expect(errorOf('GET / HTTP/1.1').message).toContain('"GET / HTTP/1"');
  });

  it('is refused as soon as a NUL cuts it off', () => {
    expect(errorOf('CONNECT\0').message).toContain('"CONNECT\\u0000"');
  });

  it('is refused as invalid UTF-8 if it is that', () => {
    expect(errorOf(Buffer.from([0x53, 0xff, 0x0a, 0x0a])).message).toBe('The command is not valid UTF-8.');
    expect(errorOf('aaaaaaaaaaaé').message).toContain('is no command');
  });
});

describe('the body (STOMP 1.2, "Body" and "Header content-length")', () => {
  it('is as long as the content-length says, in octets, and may hold NUL', () => {
    expect(frameOf('SEND\ncontent-length:5\n\né\0b\n\0')).toMatchObject({ body: 'é\0b\n', hasContentLength: true });
    expect(frameOf('SEND\ncontent-length:0\n\n\0')).toMatchObject({ body: '', hasContentLength: true });
  });

  it('must be followed by a NUL where the content-length ends', () => {
    const error = errorOf('SEND\ncontent-length:2\n\nabc\0');
    expect(error.code).toBe('INVALID_FRAME');
    expect(error.message).toBe('No NUL follows the 2 octets of body that the content-length announces.');
  });

  it.each(['-1', 'x', '', '1.5', '0x10', ' 3', '1e3'])('refuses a content-length of "%s"', (length) => {
    const error = errorOf(`SEND\ncontent-length:${length}\n\nabc\0`);
    expect(error.code).toBe('INVALID_HEADER');
    expect(error.message).toContain(`The content-length "${length}" is not valid`);
  });

  it.each<StompVersion>(['1.0', '1.1', '1.2'])('is read and dropped in %s where the frame has none', (version) => {
    for (const text of ['CONNECT\nlogin:guest\n\n\n\0', 'SUBSCRIBE\nid:1\n\nx\0', 'ACK\ncontent-length:2\n\n\0x\0']) {
      const [frame, next, ...more] = parse(`${text}SEND\n\nnext\0`, { version }).frames;
      expect(frame?.body).toHaveLength(0);
      expect(Buffer.from(next?.body ?? []).toString()).toBe('next');
      expect(more).toEqual([]);
    }
  });

  it('is bounded where the frame has none', () => {
    const limits = { ...localLimits, frameBytes: 40 };
    expect(errorOf(`SUBSCRIBE\nid:1\n\n${'x'.repeat(40)}`, { limits }).code).toBe('BODY_TOO_LARGE');
    expect(errorOf('SUBSCRIBE\ncontent-length:40\n\n', { limits }).code).toBe('BODY_TOO_LARGE');
  });

  it('is refused in the frame of a server that has none', () => {
    const message = 'A RECEIPT frame has no body: a NUL follows its empty line.';
    expect(errorOf('RECEIPT\n\nx', { role: 'client' }).message).toBe(message);
  });

  it.each(['MESSAGE', 'ERROR'])('is allowed in a %s of a server', (command) => {
    expect(frameOf(`${command}\n\nx\0`, { role: 'client' }).body).toBe('x');
  });

  it('may be any octets, valid UTF-8 or not', () => {
    const { frames } = parse(Buffer.concat([Buffer.from('SEND\n\n'), Buffer.from([0xff, 0xfe, 0])]));
    expect([...(frames[0]?.body ?? [])]).toEqual([0xff, 0xfe]);
  });
});

describe('headers (STOMP 1.2, "Value Encoding" and "Repeated Header Entries")', () => {
  it('are unescaped in 1.2', () => {
    expect(frameOf('SEND\na\\cb:\\r\\n\\c\\\\n\n\n\0').headers).toEqual({ 'a:b': '\r\n:\\n' });
  });

  it('are unescaped in 1.1, which has no \\r', () => {
    expect(frameOf('SEND\na\\cb:\\n\\c\\\\r\n\n\0', { version: '1.1' }).headers).toEqual({ 'a:b': '\n:\\r' });
    expect(errorOf('SEND\na:\\r\n\n\0', { version: '1.1' }).message).toBe(
      'The escape "\\r" is not defined: STOMP 1.1 has \\n, \\c and \\\\.',
    );
  });

  it('are left as they are in 1.0', () => {
    expect(frameOf('SEND\na:\\n\\t\\\n\n\0', { version: '1.0' }).headers).toEqual({ a: '\\n\\t\\' });
  });

  it.each(['CONNECT', 'STOMP'])('are left as they are in %s', (command) => {
    expect(frameOf(`${command}\npasscode:\\n\\t:\\\n\n\0`).headers).toEqual({ passcode: '\\n\\t:\\' });
  });

  it('are left as they are in CONNECTED', () => {
    expect(frameOf('CONNECTED\nserver:\\t\n\n\0', { role: 'client' }).headers).toEqual({ server: '\\t' });
  });

  it.each(['\\t', '\\0', '\\😀'])('may not hold the undefined escape %s', (sequence) => {
    const error = errorOf(`SEND\na:${sequence}b\n\n\0`);
    expect(error.code).toBe('INVALID_HEADER');
    expect(error.message).toBe(`The escape "${sequence}" is not defined: STOMP 1.2 has \\r, \\n, \\c and \\\\.`);
  });

  it('may not end in half an escape', () => {
    expect(errorOf('SEND\na:b\\\n\n\0').message).toContain('"\\" at the end of a header');
    expect(errorOf('SEND\na\\:b\n\n\0').code).toBe('INVALID_HEADER');
  });

  it('count their first occurrence', () => {
    expect(frameOf('SEND\nfoo:\nfoo:World\n\n\0').headers).toEqual({ foo: '' });
  });

  it('keep their spaces in 1.1 and 1.2, and lose them in 1.0', () => {
    const text = 'SEND\n a :  b c  \n\n\0';
    expect(frameOf(text, { version: '1.2' }).headers).toEqual({ ' a ': '  b c  ' });
    expect(frameOf(text, { version: '1.1' }).headers).toEqual({ ' a ': '  b c  ' });
    expect(frameOf(text, { version: '1.0' }).headers).toEqual({ a: 'b c' });
  });

  it('may hold further colons in their value', () => {
    expect(frameOf('SEND\na:b:c\n\n\0').headers).toEqual({ a: 'b:c' });
  });

  it('must have a colon', () => {
    const error = errorOf('SEND\nfirst:1\nno colon here\nlast:1\n\n\0');
    expect(error.code).toBe('INVALID_FRAME');
    expect(error.message).toBe('The header line "no colon here" has no colon: a header is "name:value".');
    expect(errorOf(`SEND\n${'x'.repeat(100)}\n\n\0`).message).toContain(`"${'x'.repeat(64)}"… has no colon`);
  });

  it('must have a name', () => {
    const error = errorOf('SEND\n:value\n\n\0');
    expect(error.code).toBe('INVALID_HEADER');
    expect(error.message).toBe('The header line ":value" has no name before its colon.');
    expect(errorOf('SEND\n  :value\n\n\0', { version: '1.0' }).code).toBe('INVALID_HEADER');
  });

  it('must be valid UTF-8', () => {
    const error = errorOf(Buffer.from('SEND\na:\xff\n\n\0', 'latin1'));
    expect(error.code).toBe('INVALID_FRAME');
    expect(error.message).toBe('The headers are not valid UTF-8.');
    expect(frameOf('SEND\nü:\u{FFFD}😀\n\n\0').headers).toEqual({ ü: '\u{FFFD}😀' });
  });

  it('may not hold a NUL, so that a frame without an empty line is found out at once', () => {
    const error = errorOf('SEND\ndestination:/queue/a\0');
    expect(error.code).toBe('INVALID_FRAME');
    expect(error.message).toContain('A NUL stands among the headers');
    expect(errorOf('SEND\ndestination:/queue/a\n\0\n').message).toBe(error.message);
    expect(errorOf('SEND\ndestination:/queue/a\0\n\nhello\0').message).toBe(error.message);
  });
});

describe('heart-beats (STOMP 1.2, "Heart-beating")', () => {
  it('are counted between frames, with and without CR', () => {
    expect(parse('\n\r\nBEGIN\n\n\0\n\n')).toMatchObject({ heartBeats: 4, frames: [{ command: 'BEGIN' }] });
  });

  it('leave nothing pending, even when a CR LF is cut in two', () => {
    const parsing = parser();
    expect(parsing.push(Buffer.from('\r'))).toMatchObject({ heartBeats: 0, frames: [] });
    expect(parsing.pendingBytes).toBe(0);
    expect(parsing.push(Buffer.from('\n'))).toMatchObject({ heartBeats: 1, frames: [] });
    expect(parsing.consumed).toBe(2);
  });

  it('are not what a NUL between frames is, which is passed over', () => {
    const { frames, heartBeats, error } = parse('\0SEND\n\nx\0\0\n\0SUBSCRIBE\nid:1\n\n\0\0');
    expect(error).toBeUndefined();
    expect(frames.map(({ command }) => command)).toEqual(['SEND', 'SUBSCRIBE']);
    expect(heartBeats).toBe(1);
  });
});

describe('the version (STOMP 1.2, "Protocol Negotiation")', () => {
  const asked = (headers: string, rest: string) => parse(`${headers}\n\0${rest}`, { version: undefined });

  it.each([
    ['1.0 where none is named', 'CONNECT\n', '1.0'],
    ['1.0 by name', 'CONNECT\naccept-version:1.0\n', '1.0'],
    ['1.1', 'CONNECT\naccept-version:1.0,1.1\n', '1.1'],
    ['1.2', 'STOMP\naccept-version:1.1,1.2\n', '1.2'],
  ])('is that of the CONNECT before, in the same piece, too: %s', (_, head, version) => {
    const { frames, error, version: agreed } = asked(head, 'SEND\n a: D:\\new\n\nhi\0');
    expect(agreed).toBe(version);
    expect(error).toBeUndefined();
    const meant = version === '1.0' ? { a: 'D:\\new' } : { ' a': ' D:\new' };
    expect(frames[1]?.headers).toEqual(meant);
  });

  it('of 1.0 has no escapes that could be wrong', () => {
    expect(asked('CONNECT\n', 'SEND\nfile:C:\\temp\n\nhi\0').frames[1]?.headers).toEqual({ file: 'C:\\temp' });
    expect(asked('CONNECT\naccept-version:1.2\n', 'SEND\nfile:C:\\temp\n\nhi\0').error?.code).toBe('INVALID_HEADER');
  });

  it('is that of the head of CONNECT itself: padded headers are those of 1.0', () => {
    const padded = 'CONNECT\n login : u \npasscode: p\n';
    expect(asked(padded, '').frames[0]?.headers).toEqual({ login: 'u', passcode: 'p' });
    const exact = asked(`${padded}accept-version:1.1\n`, '').frames[0]?.headers;
    expect(exact).toEqual({ ' login ': ' u ', passcode: ' p', 'accept-version': '1.1' });
  });

  it('is agreed on once', () => {
    expect(asked('CONNECT\naccept-version:1.2\n', 'CONNECT\n\n\0').version).toBe('1.2');
  });

  it('is none where none is shared', () => {
    expect(asked('CONNECT\naccept-version:3.0\n', '').version).toBeUndefined();
  });
});

describe('a stream in pieces', () => {
  it('keeps the incomplete rest and says how much of it there is', () => {
    const parsing = parser();
    expect(parsing.push(Buffer.from('BEGIN\n\n\0SEND\nx')).frames).toHaveLength(1);
    expect(parsing.pendingBytes).toBe(6);
    expect(parsing.consumed).toBe(8);
    expect(parsing.push(Buffer.from(':1\n\nhello\0')).frames).toMatchObject([{ headers: { x: '1' } }]);
    expect(parsing.pendingBytes).toBe(0);
    expect(parsing.consumed).toBe(24);
  });

  it('yields the octets of whole frames as they arrived', () => {
    const parsing = parser();
    expect(parsing.push(Buffer.from('\r\nBEGIN\n\n\0\nSE')).octets.toString()).toBe('\r\nBEGIN\n\n\0\n');
    expect(parsing.push(Buffer.from('ND\n\nhel')).octets.toString()).toBe('');
    expect(parsing.push(Buffer.from('lo\0\nCOM')).octets.toString()).toBe('SEND\n\nhello\0\n');
  });

  it('does not write over bodies that it has yielded', () => {
    const parsing = parser();
    parsing.push(Buffer.from('SEND\n\nfir'));
    const first = parsing.push(Buffer.from('st\0SEND\n\nsec')).frames[0];
    parsing.push(Buffer.from('ond\0SEND\n\nthird'));
    parsing.push(Buffer.from('\0'));
    expect(Buffer.from(first?.body ?? []).toString()).toBe('first');
  });

  it('accepts octets that are no Buffer', () => {
    const octets = new Uint8Array([1, ...Buffer.from('BEGIN\n\n\0'), 1]);
    expect(parser().push(octets.subarray(1, -1)).frames).toHaveLength(1);
  });
});

describe('limits (STOMP 1.2, "Size Limits")', () => {
  const limits = { frameBytes: 40, headerCount: 2, headerBytes: 10 };

  it('let a frame through that just fits, and refuse one octet more', () => {
    const fits = `SEND\na:1\n\n${'x'.repeat(29)}\0`;
    expect(frameOf(fits, { limits }).body).toHaveLength(29);
    const error = errorOf(`SEND\na:1\n\n${'x'.repeat(30)}\0`, { limits });
    expect(error.code).toBe('BODY_TOO_LARGE');
    expect(error.message).toBe('The frame is larger than the 40 octets allowed.');
  });

  it('refuse an endless body as soon as it cannot end in time', () => {
    expect(parse(`SEND\na:1\n\n${'x'.repeat(29)}`, { limits }).error).toBeUndefined();
    expect(errorOf(`SEND\na:1\n\n${'x'.repeat(30)}`, { limits }).code).toBe('BODY_TOO_LARGE');
  });

  it.each(['17', '99999999999999999999', '9'.repeat(400)])(
    'refuse a content-length of %s before its body',
    (length) => {
      const roomy = { ...limits, headerBytes: 1000 };
      const frameBytes = 'SEND\ncontent-length:\n\n\0'.length + length.length + 16;
      const error = errorOf(`SEND\ncontent-length:${length}\n\n`, { limits: { ...roomy, frameBytes } });
      expect(error.code).toBe('BODY_TOO_LARGE');
    },
  );

  it('refuse a header line that is too long, with or without its end', () => {
    expect(parse('SEND\na:34567890\r\n', { limits }).error).toBeUndefined();
    for (const text of ['SEND\na:345678901\n', 'SEND\na:345678901']) {
      const error = errorOf(text, { limits });
      expect(error.code).toBe('LIMIT_EXCEEDED');
      expect(error.message).toBe('A header line is longer than the 10 octets allowed.');
    }
  });

  it('refuse more headers than allowed, repeated ones included', () => {
    expect(frameOf('SEND\na:1\nb:2\n\n\0', { limits }).headers).toEqual({ a: '1', b: '2' });
    const error = errorOf('SEND\na:1\na:2\na:3\n', { limits });
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.message).toBe('A frame has more than the 2 headers allowed.');
  });

  it('refuse headers that leave no room for the frame to end', () => {
    const error = errorOf('SEND\na:345678\nb:34567\n', { limits: { ...limits, frameBytes: 22 } });
    expect(error.code).toBe('LIMIT_EXCEEDED');
    expect(error.message).toContain('22 octets allowed.');
  });
});

describe('an error', () => {
  it('comes with the frames before the faulty one', () => {
    const { frames, error, octets } = parse('BEGIN\n\n\0\nFETCH\n\n\0COMMIT\n\n\0');
    expect(frames.map((frame) => frame.command)).toEqual(['BEGIN']);
    expect(octets.toString()).toBe('BEGIN\n\n\0\n');
    expect(error?.message).toContain('"FETCH"');
  });

  it('ends the stream: nothing more is read or held', () => {
    const parsing = parser();
    const { error } = parsing.push(Buffer.from('FETCH\n\n\0'));
    expect(parsing.push(Buffer.from('BEGIN\n\n\0'))).toMatchObject({ frames: [], heartBeats: 0, error });
    expect(parsing.pendingBytes).toBe(0);
    expect(parsing.consumed).toBe(0);
  });

  it.each([
    ['a line without a colon before it', 'SEND\nbad\nreceipt:r\\c1\n\n\0'],
    ['a wrong escape after it', 'SEND\r\nreceipt:r\\c1\r\na:\\t\r\n\r\n\0'],
    ['a wrong content-length', 'SEND\nreceipt:r\\c1\ncontent-length:x\n\n\0'],
    ['a content-length that is too long', 'SEND\nreceipt:r\\c1\ncontent-length:99999999\n\n'],
    ['a content-length that is too short', 'SEND\nreceipt:r\\c1\ncontent-length:1\n\nab\0'],
    ['a command that is none', 'FETCH\nreceipt:r\\c1\n\nab\0'],
    ['no empty line', 'SEND\nreceipt:r\\c1\0'],
    ['a header line that is too long', `SEND\nreceipt:r\\c1\na:${'x'.repeat(9000)}`],
  ])('names the receipt that the frame asks for: %s (STOMP 1.2, "ERROR")', (_, text) => {
    expect(errorOf(text).details).toEqual({ receipt: 'r:1' });
  });

  it('names no receipt where there is none, or where it is what is faulty', () => {
    expect(errorOf('SEND\nbad\n\n\0').details).toEqual({});
    expect(errorOf('SEND\nreceipt:\\t\n\n\0').details).toEqual({});
    expect(errorOf('BEGIN\nreceipt:1\n\n\0SEND\nbad\n\n\0').details).toEqual({});
  });
});
