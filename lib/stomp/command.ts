import { checkSize } from '../broker/inbox/message-size.ts';
import { isOfBrowser } from '../broker/verbs/browser.ts';
import { type Ending, type MessageId, type Requeuing, readMessageId, readToken } from '../broker/verbs/settling.ts';
import { type Destination, parseQueueOrTopic } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { AckMode, OutgoingMessage } from '../model/message.ts';
import { refuseUnsupported } from '../model/unsupported-headers.ts';
import type { Frame, StompVersion } from './frame.ts';
import { negotiateVersion, opensSession, parseHeartBeat } from './negotiation.ts';
import { messageOf } from './outgoing.ts';

/** What takes effect with its transaction alone, whose name the client chose; absent where it does at once. */
type InTransaction = { readonly transaction?: string };

/** Of NACK alone. */
type Requeued = { readonly requeue?: Requeuing };

/** What a client's frame asks for. */
export type Command =
  | {
      readonly kind: 'connect';
      readonly version: StompVersion;
      readonly login: string | undefined;
      readonly passcode: string | undefined;
    }
  | (InTransaction & { readonly kind: 'send'; readonly destination: Destination; readonly message: OutgoingMessage })
  | {
      readonly kind: 'subscribe';
      readonly id: string;
      readonly destination: Destination;
      readonly ack: AckMode;
      readonly prefetch: number;
      /** It shows what a queue holds, and takes nothing. */
      readonly browses: boolean;
    }
  | { readonly kind: 'unsubscribe'; readonly id: string }
  /** By the token in the `ack` header of its MESSAGE. @see STOMP 1.2 ACK */
  | (InTransaction & Requeued & Pick<Ending, 'kind' | 'token'>)
  /** By message id; `subscription` is undefined where 1.0 names none. @see STOMP 1.1 ACK */
  | (InTransaction &
      Requeued & {
        readonly kind: 'acknowledge-message' | 'reject-message';
        readonly messageId: MessageId;
        readonly subscription: string | undefined;
      })
  /** @see STOMP 1.2 BEGIN, COMMIT, ABORT */
  | { readonly kind: 'begin' | 'commit' | 'abort'; readonly transaction: string }
  /** Of what a browser was shown: there is nothing to be done. */
  | { readonly kind: 'settle-browsed' }
  | { readonly kind: 'disconnect' };

/**
 * Reads a frame of a session of this version; undefined before CONNECT.
 * @throws BrokerError that names what is wrong and what is allowed
 */
export function readCommand(frame: Frame, version: StompVersion | undefined, limits: Limits): Command {
  if (opensSession(frame.command)) {
    if (version !== undefined) throw alreadyConnected();
    parseHeartBeat(frame.headers['heart-beat']);
    const { login, passcode } = frame.headers;
    return { kind: 'connect', version: negotiateVersion(frame.headers['accept-version']), login, passcode };
  }
  if (version === undefined) {
    const message = `The first frame must be CONNECT or STOMP, and not ${frame.command}; the next ones follow CONNECTED.`;
    throw new BrokerError('NOT_CONNECTED', message);
  }
  switch (frame.command) {
    case 'SEND':
      return { ...readSend(frame, limits), ...transactionOf(frame, limits) };
    case 'SUBSCRIBE':
      return readSubscribe(frame, version, limits);
    case 'UNSUBSCRIBE':
      refuseUnsupported('UNSUBSCRIBE', undefined, frame.headers);
      return { kind: 'unsubscribe', id: subscriptionId(frame, version) };
    case 'ACK':
    case 'NACK':
      return { ...readSettlement(frame, version, limits), ...transactionOf(frame, limits) };
    case 'BEGIN':
    case 'COMMIT':
    case 'ABORT': {
      const transaction = required(frame, 'transaction');
      checkTransactionName(transaction, limits);
      return { kind: frame.command.toLowerCase() as 'begin' | 'commit' | 'abort', transaction };
    }
    case 'DISCONNECT':
      return { kind: 'disconnect' };
    default:
      throw unsupported(`${frame.command} is not supported.`);
  }
}

function transactionOf(frame: Frame, limits: Limits): InTransaction {
  if (frame.headers.transaction === undefined) return {};
  const transaction = required(frame, 'transaction');
  checkTransactionName(transaction, limits);
  return { transaction };
}

/** @throws BrokerError INVALID_HEADER */
function checkTransactionName(name: string, { subscriptionIdBytes: most }: Limits): void {
  const bytes = Buffer.byteLength(name);
  if (bytes <= most) return;
  throw new BrokerError('INVALID_HEADER', `A transaction's name may have ${most} octets, not ${bytes}.`);
}

export function alreadyConnected(): BrokerError {
  return new BrokerError('ALREADY_CONNECTED', 'This connection has a session already.');
}

function unsupported(message: string): BrokerError {
  return new BrokerError('NOT_SUPPORTED', message);
}

/** @throws BrokerError INVALID_HEADER if the frame does not bear the header */
function required(frame: Frame, name: string): string {
  const value = frame.headers[name];
  if (value !== undefined && value !== '') return value;
  throw new BrokerError('INVALID_HEADER', `${frame.command} needs the header "${name}".`);
}

function destinationOf(frame: Frame, limits: Limits): Destination {
  return parseQueueOrTopic(required(frame, 'destination'), limits);
}

/** What no consumer could be given is refused here, so that what came before it is done. */
function readSend(frame: Frame, limits: Limits): Command {
  const destination = destinationOf(frame, limits);
  refuseUnsupported('SEND', destination.kind, frame.headers);
  const message = messageOf(frame, limits);
  checkSize(message, limits);
  return { kind: 'send', destination, message };
}

/** 1.0 lets a client do without; its destination stands in. @see STOMP 1.0 SUBSCRIBE, UNSUBSCRIBE */
function subscriptionId(frame: Frame, version: StompVersion): string {
  const id = frame.headers.id;
  return version === '1.0' && id === undefined ? required(frame, 'destination') : required(frame, 'id');
}

const ackModes: readonly string[] = ['auto', 'client', 'client-individual'] satisfies AckMode[];

function readSubscribe(frame: Frame, version: StompVersion, limits: Limits): Command {
  const id = subscriptionId(frame, version);
  if (Buffer.byteLength(id) > limits.subscriptionIdBytes) {
    const most = limits.subscriptionIdBytes;
    throw new BrokerError(
      'INVALID_HEADER',
      `A subscription's id may have ${most} octets, not ${Buffer.byteLength(id)}.`,
    );
  }
  const ack = frame.headers.ack ?? 'auto';
  if (!ackModes.includes(ack)) {
    throw new BrokerError('INVALID_HEADER', `The ack mode "${ack.slice(0, 64)}" is none of ${ackModes.join(', ')}.`);
  }
  // An empty one selects everything. @see JMS 3.1 §3.8.1
  if (frame.headers.selector?.trim()) throw unsupported('Selectors are not supported.');
  const destination = destinationOf(frame, limits);
  if (destination.kind === 'topic' && ack !== 'auto') throw acknowledgedTopic(ack);
  refuseUnsupported('SUBSCRIBE', destination.kind, frame.headers);
  return {
    kind: 'subscribe',
    id,
    destination,
    ack: ack as AckMode,
    prefetch: prefetchOf(frame, limits),
    browses: destination.kind === 'queue' && isAsked(frame, 'browser', 'activemq.browser'),
  };
}

/**
 * A boolean is read without case, as in ActiveMQ.
 * @throws BrokerError INVALID_HEADER for what is neither true nor false
 */
function isAsked(frame: Frame, ...names: readonly string[]): boolean {
  return names.some((name) => readBoolean(frame, name) === true);
}

/** Undefined where nothing is said. */
function readBoolean({ headers }: Frame, name: string): boolean | undefined {
  const value = headers[name] ?? '';
  if (/^(true|false)?$/i.test(value)) return value === '' ? undefined : value.toLowerCase() === 'true';
  throw new BrokerError('INVALID_HEADER', `The header ${name} is true or false, not "${value.slice(0, 64)}".`);
}

function acknowledgedTopic(ack: string): BrokerError {
  return unsupported(
    `The ack mode ${ack} is not supported on a topic; auto is, where each message is done once it is sent.`,
  );
}

/** @see ActiveMQ: STOMP, `activemq.prefetchSize`; RabbitMQ: STOMP plugin, `prefetch-count` */
function prefetchOf({ headers }: Frame, limits: Limits): number {
  const name = headers['activemq.prefetchSize'] === undefined ? 'prefetch-count' : 'activemq.prefetchSize';
  const text = headers[name];
  if (text === undefined) return limits.prefetchDefault;
  if (/^[1-9]\d{0,8}$/.test(text)) return Math.min(Number(text), limits.prefetchMax);
  throw new BrokerError('INVALID_HEADER', `The header ${name} is a whole number from 1, not "${text.slice(0, 64)}".`);
}

function readSettlement(frame: Frame, version: StompVersion, limits: Limits): Command {
  const verb = frame.command === 'ACK' ? 'acknowledge' : 'reject';
  const requeued = verb === 'reject' ? requeuedOf(frame, limits) : {};
  if (version === '1.2') {
    const id = required(frame, 'id');
    return isOfBrowser(id) ? { kind: 'settle-browsed' } : { kind: verb, token: readToken(id), ...requeued };
  }
  if (version === '1.0' && verb === 'reject') throw unsupported('NACK is of STOMP 1.1 and later.');
  const subscription = version === '1.1' ? required(frame, 'subscription') : frame.headers.subscription;
  return {
    kind: `${verb}-message`,
    messageId: readMessageId(required(frame, 'message-id')),
    subscription,
    ...requeued,
  };
}

/**
 * What becomes of what a NACK rejects, if it is not ready again at once.
 * @throws BrokerError INVALID_HEADER
 * @see RabbitMQ: STOMP plugin, `requeue`
 */
function requeuedOf(frame: Frame, { visibilityMaxMs: most }: Limits): Requeued {
  const isNever = readBoolean(frame, 'requeue') === false;
  const { delay = '' } = frame.headers;
  if (delay === '') return isNever ? { requeue: 'never' } : {};
  if (!/^\d{1,12}$/.test(delay) || Number(delay) > most) {
    const allowed = `a whole number of milliseconds, at most ${most}`;
    throw new BrokerError('INVALID_HEADER', `The header delay is ${allowed}, not "${delay.slice(0, 64)}".`);
  }
  const afterMs = Number(delay);
  if (!isNever) return { requeue: { afterMs } };
  if (afterMs === 0) return { requeue: 'never' };
  throw new BrokerError('INVALID_HEADER', 'A NACK has requeue:false or a delay, and not both.');
}
