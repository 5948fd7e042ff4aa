import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { errorFaces } from '../../lib/model/errors.ts';
import type { Frame } from '../../lib/stomp/frame.ts';
import { FrameParser } from '../../lib/stomp/parser.ts';
import type { Prng } from '../simulation/prng.ts';
import type { Canary } from './canary.ts';
import { anyUtterance, type Loot } from './stomp-sessions.ts';
import { inTime, showsTrace, type Tally } from './tally.ts';

const limits = { frameBytes: 2 ** 30, headerCount: 1000, headerBytes: 2 ** 20 };
const LOOT_MAX = 200;

/** Says one odd thing to the broker, which has to go on serving, to answer only what is its own, and to let go. */
export async function fuzzStomp(stompUrl: string, canary: Canary, prng: Prng, tally: Tally, loot: Loot): Promise<void> {
  const { kind, pieces } = anyUtterance(prng, loot);
  tally.tried(kind);
  const input = Buffer.concat(pieces);
  const { hostname, port } = new URL(stompUrl);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const closed = once(socket, 'close');
  closed.catch(() => {});
  socket.on('error', () => {});
  const parser = new FrameParser({ limits, version: '1.2', role: 'client' });
  socket.on('data', (octets) => {
    for (const frame of parser.push(octets).frames) look(frame, kind, input, tally, loot);
  });
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (!socket.writable) break;
    socket.write(piece);
    if (pieces.length > 1) await turn();
  }
  if (!(await inTime(canary.sings()))) tally.hung(`${kind}: the canary`, input);
  socket.end();
  if (!(await inTime(closed))) {
    tally.hung(kind, input);
    socket.destroy();
  }
}

function look(frame: Frame, kind: string, input: Buffer, tally: Tally, loot: Loot): void {
  if (frame.command === 'MESSAGE') {
    remember(loot.tokens, frame.headers.ack);
    remember(loot.ids, frame.headers['message-id']);
  }
  if (frame.command !== 'ERROR') return;
  const text = `${Object.values(frame.headers).join('\n')}\n${Buffer.from(frame.body).toString()}`;
  const { code = '' } = frame.headers;
  if (showsTrace(text)) tally.leaked(kind, `a trace: ${text}`, input);
  if (!(code in errorFaces) || code === 'INTERNAL') tally.leaked(kind, `the code "${code}": ${text}`, input);
}

function remember(known: string[], value: string | undefined): void {
  if (value === undefined) return;
  known.push(value);
  if (known.length > LOOT_MAX) known.shift();
}
