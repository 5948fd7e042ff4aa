import middy from '@middy/core';
import { type Connection, readSender } from '../broker/connections.ts';
import type { Broker } from '../broker/parts.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { readCommand } from '../stomp/command.ts';
import type { Frame, StompVersion } from '../stomp/frame.ts';
import { decodeFrames } from '../stomp/parser.ts';
import { errorFrame } from '../stomp/replies.ts';
import type { SocketEvent } from './events.ts';
import { Exchange, type Refusal, type Step, versionOf } from './exchange.ts';
import { admit } from './guard.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';
import { postReplies } from './replies.ts';

/** One message may ask for more writes than a shard's inbox takes before its next turn. */
const WRITES_PER_TURN = 16;

/** Takes a WebSocket message: one or several whole frames. Replies are posted; an ERROR ends the connection. */
export function frameHandler(bench: Bench) {
  return middy<SocketEvent, { statusCode: number }>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async (event) => {
      await takeMessage(bench, event.requestContext.connectionId, octetsOf(event));
      return { statusCode: 200 };
    });
}

function octetsOf(event: SocketEvent): Buffer {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

async function takeMessage(bench: Bench, connection: string, octets: Buffer): Promise<void> {
  // Receipts go out before the turns that the commands call for: nobody waits for more than what is durable.
  const turns: (() => Promise<unknown>)[] = [];
  let isAnswered = false;
  // A turn defers work of its own, long after the answer: that has nobody to wait for.
  const defer: Broker['defer'] = (work) => {
    if (isAnswered) bench.broker.defer(work);
    else turns.push(work);
  };
  const broker: Broker = { ...bench.broker, defer };
  const takeTurns = () => {
    for (const turn of turns.splice(0)) bench.broker.defer(turn);
  };
  let writes = 0;
  const onDone = () => {
    if (++writes % WRITES_PER_TURN === 0) takeTurns();
  };
  const letGo = () => {
    isAnswered = true;
    takeTurns();
  };
  try {
    await answer(bench, broker, connection, octets, onDone, letGo);
  } finally {
    letGo();
  }
}

/** @param onHeldUp called when replies are throttled: nobody else waits for them */
async function answer(
  { access, push }: Bench,
  broker: Broker,
  connection: string,
  octets: Buffer,
  onDone: () => void,
  onHeldUp: () => void,
): Promise<void> {
  const { replies, refused, version, isOver } = await carryOut(access, broker, connection, octets, onDone);
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
  access: Bench['access'],
  broker: Broker,
  connection: string,
  octets: Buffer,
  onDone: () => void,
): Promise<Outcome> {
  const { limits } = broker;
  const record = await readRecord(broker, connection);
  if (record instanceof BrokerError) {
    const [frame] = decodeFrames(octets, { limits, version: '1.2', role: 'server' }).frames;
    return { replies: [], refused: { error: record, receipt: frame?.headers.receipt }, version: '1.2', isOver: false };
  }
  const agreed = versionOf(record);
  const parsed = decodeFrames(octets, { limits, version: agreed ?? '1.2', role: 'server' });
  const read = readSteps(parsed.frames, agreed, limits);
  const unread: Refusal | undefined = parsed.error && {
    error: parsed.error,
    receipt: parsed.error.details.receipt as string | undefined,
  };
  const admitted = access && (await admit(access, broker, connection, record, read.steps));
  const exchange = new Exchange(broker, connection, admitted ? { ...record, principal: admitted.principal } : record);
  const refusedLater = admitted?.refusal ?? read.refusal ?? unread;
  const refused =
    (await exchange.run(admitted?.steps ?? read.steps, onDone)) ?? (exchange.isOver ? undefined : refusedLater);
  return { replies: [...exchange.replies], refused, version: exchange.version ?? '1.2', isOver: exchange.isOver };
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
  limits: Bench['broker']['limits'],
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
