import { isUtf8 } from 'node:buffer';
import { type BrokerError, errorFaces } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Delivery } from '../model/message.ts';
import { encodeFrame } from './encode.ts';
import type { StompVersion } from './frame.ts';
import { serverHeartBeat } from './negotiation.ts';

const nothing = new Uint8Array();

export function connectedFrame(version: StompVersion, connection: string, server: string, limits: Limits): Buffer {
  const { sendMs, receiveMs } = serverHeartBeat(limits);
  const headers = { version, session: connection, server, 'heart-beat': `${sendMs},${receiveMs}` };
  return encodeFrame('CONNECTED', headers, nothing, version);
}

export function receiptFrame(receipt: string, version: StompVersion): Buffer {
  return encodeFrame('RECEIPT', { 'receipt-id': receipt }, nothing, version);
}

/** An ERROR names what was wrong in its body, and its code in a header; it is the last frame. @see STOMP 1.2 ERROR */
export function errorFrame(error: BrokerError, receipt: string | undefined, version: StompVersion): Buffer {
  const headers: Record<string, string> = { message: errorFaces[error.code].stomp, code: error.code };
  if (receipt !== undefined) headers['receipt-id'] = receipt;
  if (error.code === 'UNSUPPORTED_VERSION') headers.version = String(error.details.supported);
  const body = Buffer.from(error.message);
  headers['content-type'] = 'text/plain';
  headers['content-length'] = String(body.byteLength);
  return encodeFrame('ERROR', headers, body, version);
}

/** A text has no `content-length` unless it holds a NUL. @see ActiveMQ: STOMP, `content-length` */
export function messageFrame(
  delivery: Delivery,
  subscription: string,
  version: StompVersion,
  isAuto: boolean,
  limits: Limits,
): Buffer {
  const { message, messageId, destination, token, redelivered, deliveryCount } = delivery;
  const headers: Record<string, string> = {
    __proto__: null as never,
    destination,
    'message-id': messageId,
    subscription,
    redelivered: String(redelivered),
    JMSXDeliveryCount: String(deliveryCount),
    timestamp: String(message.timestamp),
  };
  if (version === '1.2' && !isAuto) headers.ack = token;
  let { body } = message;
  if (limits.textOnly && !isUtf8(body)) {
    headers['content-encoding'] = 'base64';
    body = Buffer.from(Buffer.from(body).toString('base64'));
  }
  // The broker's own come first: of two of a name the first one counts. @see STOMP 1.2, "Repeated Header Entries"
  if (!message.text || body.includes(0)) headers['content-length'] = String(body.byteLength);
  for (const name in message.headers) headers[name] ??= message.headers[name] ?? '';
  return encodeFrame('MESSAGE', headers, body, version);
}
