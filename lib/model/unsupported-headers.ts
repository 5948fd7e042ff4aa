import type { Destination } from './destination.ts';
import { BrokerError } from './errors.ts';
import type { Headers } from './message.ts';

/** The frames that such headers are known on; a REST request that sends is a SEND. */
type FrameName = 'SEND' | 'SUBSCRIBE' | 'UNSUBSCRIBE';

/** Headers that change what ActiveMQ, Artemis or RabbitMQ do, and that this broker does not know how to follow. */
export type UnsupportedHeaders = {
  readonly frames: readonly FrameName[];
  /** Default: destinations of both kinds. */
  readonly kind?: 'queue' | 'topic';
  /** With a `*` at the end, all that begin so, whatever the kind. */
  readonly names: readonly string[];
  /** The values that ask for nothing that is not done anyway, in lower case; an empty one never does. */
  readonly harmless?: readonly string[];
  /** How the values begin that are meant. Default: all that are not harmless. */
  readonly values?: readonly string[];
  /** What they would ask for, and what there is in its place. */
  readonly why: string;
};

const sending = ['SEND'] as const;
const subscribing = ['SUBSCRIBE'] as const;
const both = ['SEND', 'SUBSCRIBE'] as const;
const durableNames = [
  'activemq.subscriptionName',
  // As ActiveMQ's documentation once spelt it.
  'activemq.subcriptionName',
  'durable-subscription-name',
  'durable-subscriber-name',
];

/**
 * What is passed over in silence would be done otherwise than its client believes, so that it is refused. A header
 * leaves the table when what it asks for is built. Names count as they are written; of several entries that fit, the
 * first counts.
 * @see ActiveMQ: STOMP, "Extensions"; ActiveMQ Artemis: STOMP; RabbitMQ: STOMP plugin
 */
export const unsupportedHeaders: readonly UnsupportedHeaders[] = [
  {
    frames: sending,
    names: ['AMQ_SCHEDULED_DELAY', 'AMQ_SCHEDULED_PERIOD', 'AMQ_SCHEDULED_REPEAT', 'x-delay'],
    harmless: ['0'],
    why: 'messages are not delayed',
  },
  { frames: sending, names: ['AMQ_SCHEDULE*', '_AMQ_SCHED_DELIVERY'], why: 'messages are not delayed' },
  {
    frames: sending,
    names: ['JMSXGroupID', 'JMSXGroupSeq', '_AMQ_GROUP_ID'],
    why: 'messages of a group are not kept to one consumer',
  },
  { frames: sending, names: ['expiration'], why: 'a time to live is not read; "expires" says when a message expires' },
  {
    frames: sending,
    names: ['reply-to'],
    values: ['/temp-queue/', '/temp-topic/'],
    why: 'there are no temporary destinations, so that no reply could come; /queue/{name} and /topic/{name} are there',
  },
  { frames: sending, names: ['_AMQ_LVQ_NAME'], why: 'no last value is kept' },
  { frames: sending, names: ['_AMQ_DUPL_ID'], why: 'repeated sends are not told by an id' },
  {
    frames: subscribing,
    kind: 'topic',
    names: ['durable', 'persistent', ...durableNames],
    harmless: ['false'],
    why: 'a subscription to a topic gets what is sent while it lasts',
  },
  {
    frames: subscribing,
    kind: 'topic',
    names: ['auto-delete'],
    harmless: ['true'],
    why: 'a subscription to a topic ends with its connection',
  },
  {
    frames: subscribing,
    kind: 'topic',
    names: ['x-queue-name'],
    why: 'a subscription to a topic is not shared',
  },
  {
    frames: subscribing,
    kind: 'topic',
    names: ['browser', 'activemq.browser'],
    harmless: ['false'],
    why: 'a topic keeps nothing that could be browsed',
  },
  {
    frames: both,
    kind: 'queue',
    names: ['durable'],
    harmless: ['true'],
    why: 'a queue is always durable; "persistent:false" on a SEND is for its message',
  },
  {
    frames: both,
    kind: 'queue',
    names: ['auto-delete'],
    harmless: ['false'],
    why: 'a queue stays until it is deleted over REST',
  },
  {
    frames: subscribing,
    kind: 'queue',
    names: [...durableNames, 'x-queue-name'],
    why: 'a queue keeps messages for whoever comes, by the name in its destination',
  },
  {
    frames: both,
    kind: 'queue',
    names: ['exclusive', 'activemq.exclusive', 'x-single-active-consumer'],
    harmless: ['false'],
    why: 'all consumers of a queue share its messages',
  },
  {
    frames: subscribing,
    names: ['activemq.priority', 'x-priority'],
    harmless: ['0'],
    why: 'all consumers are served alike',
  },
  {
    frames: subscribing,
    names: ['activemq.noLocal', 'no-local'],
    harmless: ['false'],
    why: 'a connection gets its own messages, too',
  },
  {
    frames: subscribing,
    names: ['activemq.retroactive'],
    harmless: ['false'],
    why: 'a subscription begins with what is sent after it, or waits in its queue',
  },
  {
    frames: both,
    names: ['activemq.maximumRedeliveries', 'x-delivery-limit'],
    why: 'how often a message is delivered is a limit of the broker',
  },
  {
    frames: subscribing,
    names: ['consumer-window-size'],
    why: 'how much comes ahead is set by "prefetch-count" or "activemq.prefetchSize"',
  },
  {
    frames: both,
    kind: 'queue',
    names: ['destination-type', 'subscription-type'],
    harmless: ['anycast'],
    why: 'the kind of a destination stands in its name: /queue/{name} or /topic/{name}',
  },
  {
    frames: both,
    kind: 'topic',
    names: ['destination-type', 'subscription-type'],
    harmless: ['multicast'],
    why: 'the kind of a destination stands in its name: /queue/{name} or /topic/{name}',
  },
  { frames: both, names: ['x-queue-type'], harmless: ['classic', 'quorum'], why: 'there is one type of queue' },
  {
    frames: both,
    names: [
      'x-message-ttl',
      'x-expires',
      'x-max-*',
      'x-overflow',
      'x-dead-letter-*',
      'x-queue-mode',
      'x-stream-*',
      'x-cancel-on-ha-failover',
    ],
    why: 'a client does not say what a queue is; limits and dead-letter queues are those of the broker',
  },
  {
    frames: subscribing,
    names: ['activemq.maximumPendingMessageLimit'],
    harmless: ['-1'],
    why: 'nothing is dropped for a slow subscriber',
  },
  {
    frames: ['UNSUBSCRIBE'],
    names: ['durable', ...durableNames],
    harmless: ['false'],
    why: 'there are no durable subscriptions to end',
  },
];

type Rules = {
  readonly exact: ReadonlyMap<string, readonly UnsupportedHeaders[]>;
  readonly prefixed: readonly Prefixed[];
};
type Prefixed = { readonly prefix: string; readonly rule: UnsupportedHeaders };

function rulesOf(frame: FrameName): Rules {
  const exact = new Map<string, UnsupportedHeaders[]>();
  const prefixed: Prefixed[] = [];
  for (const rule of unsupportedHeaders.filter(({ frames }) => frames.includes(frame))) {
    for (const name of rule.names) {
      if (name.endsWith('*')) prefixed.push({ prefix: name.slice(0, -1), rule });
      else exact.set(name, [...(exact.get(name) ?? []), rule]);
    }
  }
  return { exact, prefixed };
}

const rules: Readonly<Record<FrameName, Rules>> = {
  SEND: rulesOf('SEND'),
  SUBSCRIBE: rulesOf('SUBSCRIBE'),
  UNSUBSCRIBE: rulesOf('UNSUBSCRIBE'),
};

/**
 * @param kind of the destination; undefined where the frame names none
 * @throws BrokerError NOT_SUPPORTED for a header that asks for what is not built, naming it
 */
export function refuseUnsupported(frame: FrameName, kind: Destination['kind'] | undefined, headers: Headers): void {
  for (const name in headers) {
    const rule = ruleFor(rules[frame], name, kind);
    if (rule && isMeant(rule, headers[name] ?? '')) throw unsupported(name, rule.why);
  }
}

function ruleFor({ exact, prefixed }: Rules, name: string, kind: Destination['kind'] | undefined) {
  const named = exact.get(name);
  if (named) return named.find((rule) => rule.kind === undefined || rule.kind === kind);
  return prefixed.find(({ prefix }) => name.startsWith(prefix))?.rule;
}

function isMeant({ harmless = [], values }: UnsupportedHeaders, value: string): boolean {
  if (values) return values.some((start) => value.startsWith(start));
  return value !== '' && !harmless.includes(value.toLowerCase());
}

function unsupported(name: string, why: string): BrokerError {
  return new BrokerError('NOT_SUPPORTED', `The header "${name.slice(0, 64)}" is not supported: ${why}.`);
}
