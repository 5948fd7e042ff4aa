import { checkSize } from '../broker/inbox/message-size.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Headers, OutgoingMessage } from '../model/message.ts';
import { isBrokersOwn } from '../model/own-headers.ts';
import type { Frame } from './frame.ts';

/**
 * The message of a SEND.
 * @throws BrokerError INVALID_HEADER for a standard header that is not as it should be; BODY_TOO_LARGE
 */
export function messageOf(frame: Frame, limits: Limits): OutgoingMessage {
  checkStandardHeaders(frame.headers);
  // Without a prototype: a header may be named __proto__.
  const headers: Record<string, string> = Object.create(null);
  for (const name in frame.headers) if (!isBrokersOwn(name)) headers[name] = frame.headers[name] ?? '';
  if (headers.persistent !== undefined) headers.persistent = headers.persistent.toLowerCase();
  const body = decodedBody(frame, headers, limits);
  const message = { body, text: !frame.hasContentLength && body === frame.body, headers };
  checkSize(message, limits);
  return message;
}

/** Where the transport carries text alone, other bodies travel as base64. */
function decodedBody(frame: Frame, headers: Record<string, string>, limits: Limits): Uint8Array {
  if (!limits.textOnly || headers['content-encoding'] !== 'base64') return frame.body;
  delete headers['content-encoding'];
  return Buffer.from(Buffer.from(frame.body).toString('latin1'), 'base64');
}

const standard: Readonly<Record<string, { readonly pattern: RegExp; readonly allowed: string }>> = {
  // Languages write them as they like: "True". @see ActiveMQ: STOMP, which reads booleans so
  persistent: { pattern: /^(true|false)$/i, allowed: 'true or false' },
  priority: { pattern: /^\d$/, allowed: 'a digit from 0 to 9' },
  expires: { pattern: /^\d{1,15}$/, allowed: 'milliseconds since the epoch, or 0 for never' },
};

function checkStandardHeaders(headers: Headers): void {
  for (const name in standard) {
    const value = headers[name];
    const rule = standard[name];
    if (value === undefined || rule === undefined || rule.pattern.test(value)) continue;
    throw new BrokerError('INVALID_HEADER', `The header ${name} is ${rule.allowed}, not "${value.slice(0, 64)}".`);
  }
}
