import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../lib/stomp/encode.ts';
import type { StompVersion } from '../../../lib/stomp/frame.ts';

const empty = new Uint8Array(0);

function head(name: string, value: string, version: StompVersion, command = 'MESSAGE'): string {
  return encodeFrame(command, { [name]: value }, empty, version).toString();
}

describe('an encoded frame (STOMP 1.2, "STOMP Frames")', () => {
  it('is its command, its headers, an empty line, the body and a NUL, and nothing else', () => {
    const frame = encodeFrame('MESSAGE', { subscription: '0', 'message-id': 'a' }, Buffer.from('hé'), '1.2');
    expect(frame.toString()).toBe('MESSAGE\nsubscription:0\nmessage-id:a\n\nhé\0');
  });

  it('may have no headers and no body', () => {
    expect(encodeFrame('DISCONNECT', {}, empty, '1.2').toString()).toBe('DISCONNECT\n\n\0');
  });

  it('carries any octet in its body', () => {
    const body = new Uint8Array([0, 255, 10, 0]);
    expect([...encodeFrame('SEND', { 'content-length': '4' }, body, '1.2').subarray(-5)]).toEqual([...body, 0]);
  });
});

describe('encoded headers (STOMP 1.2 and 1.1, "Value Encoding")', () => {
  it('are escaped in 1.2', () => {
    expect(head('a:b', '\r\n:\\', '1.2')).toBe('MESSAGE\na\\cb:\\r\\n\\c\\\\\n\n\0');
  });

  it('are escaped in 1.1, with a space for a carriage return', () => {
    expect(head('a:b', '\r\n:\\', '1.1')).toBe('MESSAGE\na\\cb: \\n\\c\\\\\n\n\0');
  });

  it('are not escaped in 1.0, with a space for a line end', () => {
    expect(head('a:b\n', 'x\r\ny:\\', '1.0')).toBe('MESSAGE\na b :x  y:\\\n\n\0');
  });

  it.each(['CONNECTED', 'CONNECT', 'STOMP'])('are not escaped in %s of 1.2', (command) => {
    expect(head('a', 'x\ny:\\', '1.2', command)).toBe(`${command}\na:x y:\\\n\n\0`);
  });

  it.each<StompVersion>(['1.0', '1.1', '1.2'])('cannot carry a NUL in %s: it becomes a space', (version) => {
    expect(head('a\0b', 'c\0d', version)).toBe('MESSAGE\na b:c d\n\n\0');
  });
});
