import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Headers } from '../model/message.ts';
import type { StompVersion } from './frame.ts';

const versions = ['1.2', '1.1', '1.0'] as const satisfies readonly StompVersion[];

/**
 * The highest version that both know. A client of 1.0 names none. @see STOMP 1.2 "Protocol Negotiation"
 * @throws BrokerError UNSUPPORTED_VERSION
 */
export function negotiateVersion(accepted: string | undefined): StompVersion {
  if (accepted === undefined) return '1.0';
  const offered = accepted.split(',').map((version) => version.trim());
  const agreed = versions.find((version) => offered.includes(version));
  if (agreed) return agreed;
  throw new BrokerError(
    'UNSUPPORTED_VERSION',
    `None of the versions "${accepted.slice(0, 64)}" is supported; supported are ${versions.toReversed().join(', ')}.`,
    { details: { supported: versions.toReversed().join(',') } },
  );
}

/** Whether a client opens its session with such a frame. */
export function opensSession(command: string): boolean {
  return command === 'CONNECT' || command === 'STOMP';
}

/** The version that a CONNECT leads to; undefined if there is none. */
export function versionAskedFor(headers: Headers): StompVersion | undefined {
  try {
    return negotiateVersion(headers['accept-version']);
  } catch {
    return undefined;
  }
}

/** A heart-beat header: what its writer can send, and what it wants to receive, in milliseconds; 0 is none. */
export type HeartBeat = { readonly sendMs: number; readonly receiveMs: number };

/** @throws BrokerError INVALID_HEADER. @see STOMP 1.2 "Heart-beating" */
export function parseHeartBeat(header: string | undefined): HeartBeat {
  if (header === undefined) return { sendMs: 0, receiveMs: 0 };
  const [, send, receive] = /^(\d{1,9}),(\d{1,9})$/.exec(header) ?? [];
  if (send !== undefined && receive !== undefined) return { sendMs: Number(send), receiveMs: Number(receive) };
  throw new BrokerError('INVALID_HEADER', `The heart-beat "${header.slice(0, 64)}" is not two numbers: "0,0" is none.`);
}

/** What the server says in CONNECTED. */
export function serverHeartBeat(limits: Limits): HeartBeat {
  return { sendMs: limits.heartBeatSendMs, receiveMs: limits.heartBeatReceiveMs };
}

/** What was agreed on, as the server has it: how often it sends, and within what it expects something; 0 is never. */
export function agreeOnHeartBeat(client: HeartBeat, server: HeartBeat): HeartBeat {
  return {
    sendMs: client.receiveMs === 0 || server.sendMs === 0 ? 0 : Math.max(client.receiveMs, server.sendMs),
    receiveMs: client.sendMs === 0 || server.receiveMs === 0 ? 0 : Math.max(client.sendMs, server.receiveMs),
  };
}
