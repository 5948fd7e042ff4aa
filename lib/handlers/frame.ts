import middy from '@middy/core';
import type { Broker } from '../broker/broker.ts';
import { type Connection, readSender } from '../broker/sessions/connections.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { readCommand } from '../stomp/command.ts';
import type { Frame, StompVersion } from '../stomp/frame.ts';
import { decodeFrames } from '../stomp/parser.ts';
import { errorFrame } from '../stomp/replies.ts';
import type { Head } from '../store/port.ts';
import type { Environment } from './environment.ts';
import type { SocketEvent } from './events.ts';
import { Exchange, keepsOrder, type Refusal, type Step, versionOf } from './exchange.ts';
import { admit } from './guard.ts';
import { endAfterwards, observed } from './middleware.ts';
import { postReplies } from './replies.ts';
import { Staging } from './staging.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One message may ask a shard for more than its inbox takes before its next turn. */
const ENTRIES_PER_TURN = 16;

/** Takes a WebSocket message: one or several whole frames. Replies are posted; an ERROR ends the connection. */
export function frameHandler(environment: Environment) {
  return middy<SocketEvent, { statusCode: number }>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async (event) => {
      const octets = octetsOf(event);
      if (!isHeartBeat(octets)) await takeMessage(environment, event.requestContext.connectionId, octets);
      return { statusCode: 200 };
    });
}

function octetsOf(event: SocketEvent): Buffer {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

/** Line ends alone: nothing has to be known of the connection to do nothing. @see STOMP 1.2 Heart-beating */
function isHeartBeat(octets: Buffer): boolean {
  return octets.every((octet) => octet === LINE_FEED || octet === CARRIAGE_RETURN);
}

async function takeMessage(environment: Environment, connection: string, octets: Buffer): Promise<void> {
  // Receipts go out before the turns that the commands call for: nobody waits for more than what is durable.
  const turns: (() => Promise<unknown>)[] = [];
  let isAnswered = false;
  // A turn defers work of its own, long after the answer: that has nobody to wait for.
  const defer: Broker['defer'] = (work) => {
    if (isAnswered) environment.broker.defer(work);
    else turns.push(work);
  };
  const latest = new Map<string, Head>();
  const broker: Broker = { ...environment.broker, defer, latest };
  const takeTurns = () => {
    for (const turn of turns.splice(0)) environment.broker.defer(turn);
    latest.clear();
  };
  const onDone = () => {
    for (const { inbox } of latest.values()) if (inbox.length >= ENTRIES_PER_TURN) return takeTurns();
  };
  const letGo = () => {
    isAnswered = true;
    takeTurns();
  };
  // A transaction is decided by a turn: from here on none is put off.
  const onWait = letGo;
  try {
    await answer(environment, broker, connection, octets, { onDone, onWait, onHeldUp: letGo });
  } finally {
    letGo();
  }
}

type Events = {
  /** Called after each write. */
  readonly onDone: () => void;
  /** Called before something is waited for that a turn brings. */
  readonly onWait: () => void;
  /** Called when replies are throttled: nobody else waits for them. */
  readonly onHeldUp: () => void;
};

async function answer(
  environment: Environment,
  broker: Broker,
  connection: string,
  octets: Buffer,
  events: Events,
): Promise<void> {
  const { push } = environment;
  const { onHeldUp } = events;
  const { replies, refused, version, isOver } = await carryOut(environment, broker, connection, octets, events);
  if (refused) {
    const { error, receipt } = refused;
    if (error.code === 'INTERNAL') broker.log('command failed', { connection }, error);
    replies.push(errorFrame(error, receipt, version));
  }
  const isAnswered = await postReplies({ broker, push, connection, replies, onHeldUp });
  if (refused || isOver || !isAnswered) await push.close(connection);
}

type Outcome = {
  readonly replies: Uint8Array[];
  readonly refused: Refusal | undefined;
  readonly version: StompVersion;
  readonly isOver: boolean;
};

async function carryOut(
  { access, staging: lasting }: Environment,
  broker: Broker,
  connection: string,
  octets: Buffer,
  { onDone, onWait }: Events,
): Promise<Outcome> {
  const { limits } = broker;
  const record = await readRecord(broker, connection);
  if (record instanceof BrokerError) {
    const { frames, version, error } = decodeFrames(octets, { limits, version: undefined, role: 'server' });
    const receipt = frames[0]?.headers.receipt ?? (error?.details.receipt as string | undefined);
    const refused = { error: record, receipt };
    return { replies: [], refused, version: version ?? '1.2', isOver: false };
  }
  const agreed = versionOf(record);
  const parsed = decodeFrames(octets, { limits, version: agreed, role: 'server' });
  const read = readSteps(parsed.frames, agreed, limits);
  const unread: Refusal | undefined = parsed.error && {
    error: parsed.error,
    receipt: parsed.error.details.receipt as string | undefined,
  };
  const admitted = access && (await admit(access, broker, connection, record, read.steps));
  // Where each message has an invocation of its own, nobody keeps a transaction from one to the next.
  const staging = keepsOrder(limits) ? lasting : new Staging();
  const known = admitted ? { ...record, principal: admitted.principal } : record;
  const exchange = new Exchange(broker, connection, known, { staging, onWait });
  const refusedLater = admitted?.refusal ?? read.refusal ?? unread;
  const refused =
    (await exchange.run(admitted?.steps ?? read.steps, onDone)) ??
    (exchange.isOver ? undefined : refusedLater) ??
    leftOpen(limits, connection, staging);
  if (refused) staging.forget(connection);
  const version = exchange.version ?? parsed.version ?? '1.2';
  // What is handled after a DISCONNECT that it was sent before has nobody to be told, nor anything to end.
  const isLate = !keepsOrder(limits) && !exchange.isOver && (await isClosed(broker, connection, refused));
  return { replies: [...exchange.replies], refused: isLate ? undefined : refused, version, isOver: exchange.isOver };
}

/** A transaction that is not over with its message, where that is not kept. */
function leftOpen(limits: Limits, connection: string, staging: Staging): Refusal | undefined {
  if (keepsOrder(limits) || !staging.has(connection)) return undefined;
  const message =
    'BEGIN, COMMIT and what comes between have to come in one WebSocket message here; POST /v1/transactions is there over REST.';
  return { error: new BrokerError('NOT_SUPPORTED', message), receipt: undefined };
}

async function isClosed(broker: Broker, connection: string, refused: Refusal | undefined): Promise<boolean> {
  if (!refused) return false;
  const record = await readRecord(broker, connection);
  return !(record instanceof BrokerError) && record.isOver === true;
}

/** A failure is the client's to know, as any other: nobody else would tell it in STOMP. */
async function readRecord(broker: Broker, connection: string): Promise<Connection | BrokerError> {
  try {
    return (await readSender(broker, connection)) ?? { version: '', subscriptions: [] };
  } catch (cause) {
    const error = asBrokerError(cause);
    broker.log('connection record unread', { connection }, error);
    return error;
  }
}

/** Reads frames as commands, up to the first that is none. */
function readSteps(
  frames: readonly Frame[],
  agreed: StompVersion | undefined,
  limits: Environment['broker']['limits'],
): { steps: Step[]; refusal: Refusal | undefined } {
  const steps: Step[] = [];
  let version = agreed;
  for (const frame of frames) {
    const receipt = frame.headers.receipt;
    try {
      const command = readCommand(frame, version, limits);
      if (command.kind === 'connect') version = command.version;
      steps.push({ command, receipt });
    } catch (error) {
      return { steps, refusal: { error: asBrokerError(error), receipt } };
    }
  }
  return { steps, refusal: undefined };
}
