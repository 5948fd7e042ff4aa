import { describe, expect, it } from 'vitest';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';

function decode(text: string) {
  return decodeFrames(Buffer.from(text), { limits: cloudLimits, version: '1.2', role: 'server' });
}

describe('a message of whole frames', () => {
  it.each([
    ['nothing', '', 0, 0],
    ['a heart-beat', '\n', 0, 1],
    ['one frame', 'BEGIN\n\n\0', 1, 0],
    ['frames with line ends between and after them', 'BEGIN\n\n\0\nSEND\n\nx\0COMMIT\n\n\0\r\n', 3, 2],
  ])('may hold %s', (_, text, frames, heartBeats) => {
    const decoded = decode(text);
    expect(decoded.error).toBeUndefined();
    expect(decoded.frames).toHaveLength(frames);
    expect(decoded.heartBeats).toBe(heartBeats);
  });

  it.each(['S', 'SEND\n', 'SEND\nreceipt:1\n', 'SEND\n\nhel'])('may not end within a frame: %j', (text) => {
    const { frames, error } = decode(`BEGIN\n\n\0${text}`);
    expect(frames).toHaveLength(1);
    expect(error?.code).toBe('INVALID_FRAME');
    expect(error?.message).toBe('A frame must be whole within one message, but the last one is not ended by a NUL.');
  });

  it('says so if it is the content-length that reaches past the end', () => {
    expect(decode('SEND\nreceipt:1\ncontent-length:5\n\nabc\0').error).toMatchObject({
      code: 'INVALID_FRAME',
      message:
        'A frame must be whole within one message, but the content-length of the last one reaches past the end: ' +
        '2 octets are missing, its NUL included.',
      details: { receipt: '1' },
    });
  });

  it('names the receipt of an incomplete frame', () => {
    expect(decode('SEND\nreceipt:1\nx:').error?.details).toEqual({ receipt: '1' });
  });

  it('names the command that is none rather than the end that is missing', () => {
    expect(decode('FETCH\n').error?.message).toContain('"FETCH" is no command');
  });

  it('reports a faulty frame as such', () => {
    expect(decode('BEGIN\n\n\0FETCH\n\n').error?.message).toContain('"FETCH"');
  });
});
