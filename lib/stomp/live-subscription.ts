import { BrokerError } from '../model/errors.ts';
import type { Frame } from './frame.ts';

/** What makes a subscription to a topic outlive its connection, or more than live, in this broker or that. */
const notLive = [
  'durable',
  'activemq.subscriptionName',
  // As ActiveMQ's documentation once spelt it.
  'activemq.subcriptionName',
  'durable-subscription-name',
  'durable-subscriber-name',
  'activemq.retroactive',
  'activemq.noLocal',
  'no-local',
];

/** @throws BrokerError NOT_SUPPORTED: a subscription to a topic is live, and acknowledges by itself */
export function checkLive({ headers }: Frame, ack: string): void {
  if (ack !== 'auto') {
    throw new BrokerError(
      'NOT_SUPPORTED',
      `The ack mode ${ack} is not supported on a topic; auto is, where each message is done once it is sent.`,
    );
  }
  const asked = notLive.find((name) => headers[name] !== undefined && headers[name] !== 'false');
  if (asked === undefined) return;
  throw new BrokerError(
    'NOT_SUPPORTED',
    `The header "${asked}" is not supported on a topic: its subscriptions get what is sent while they last.`,
  );
}
