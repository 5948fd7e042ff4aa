import { crc32 } from 'node:zlib';
import { BrokerError } from '../../model/errors.ts';

/** Names one delivery: this attempt at this message of this shard. */
export type Token = {
  readonly shard: string;
  readonly incarnation: string;
  readonly sequence: number;
  readonly attempt: number;
  /** More was ready when this was pushed: its acknowledgement unlocks work. */
  readonly backlog: boolean;
  /** Its consumer acknowledges all it got up to this one, too. @see STOMP 1.2 SUBSCRIBE, ack:client */
  readonly cumulative: boolean;
};

const BACKLOG = 1;
const CUMULATIVE = 2;

/** The layout of tokens; another version is another digit. */
const VERSION = 1;
const FIXED_BYTES = 1 + 1 + 6 + 4 + 4;

/** One opaque base64url value, the STOMP `ack` header and the REST token alike. */
export function encodeToken(token: Token): string {
  const shard = Buffer.from(token.shard);
  const bytes = Buffer.alloc(FIXED_BYTES + token.incarnation.length + shard.length + 1);
  let at = bytes.writeUInt8(VERSION, 0);
  at = bytes.writeUInt8((token.backlog ? BACKLOG : 0) | (token.cumulative ? CUMULATIVE : 0), at);
  at = bytes.writeUIntBE(token.sequence, at, 6);
  at = bytes.writeUInt32BE(token.attempt, at);
  at = bytes.writeUInt8(token.incarnation.length, at);
  at += bytes.write(token.incarnation, at, 'latin1');
  at += shard.copy(bytes, at);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at);
  return bytes.toString('base64url');
}

/** @throws BrokerError INVALID_TOKEN for what no broker gave out. */
export function decodeToken(text: string): Token {
  const bytes = Buffer.from(text, 'base64url');
  const end = bytes.length - 4;
  const isOurs =
    bytes.length > FIXED_BYTES && bytes[0] === VERSION && bytes.readUInt32BE(end) === crc32(bytes.subarray(0, end));
  if (!isOurs || bytes.toString('base64url') !== text) throw unknownToken(text);
  const flags = bytes.readUInt8(1);
  const incarnationEnd = 13 + bytes.readUInt8(12);
  return {
    backlog: (flags & BACKLOG) !== 0,
    cumulative: (flags & CUMULATIVE) !== 0,
    sequence: bytes.readUIntBE(2, 6),
    attempt: bytes.readUInt32BE(8),
    incarnation: bytes.toString('latin1', 13, incarnationEnd),
    shard: bytes.toString('utf8', incarnationEnd, end),
  };
}

/** The refusal of a token that never named a delivery. */
export function unknownToken(text: string): BrokerError {
  return new BrokerError(
    'INVALID_TOKEN',
    `"${text.slice(0, 64)}" names no delivery: give the token (over STOMP 1.2 the ack header, before that the message-id) of a delivery as it came.`,
  );
}
