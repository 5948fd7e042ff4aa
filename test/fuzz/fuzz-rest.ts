import { once } from 'node:events';
import { connect } from 'node:net';
import { errorFaces } from '../../lib/model/errors.ts';
import type { Prng } from '../simulation/prng.ts';
import type { Canary } from './canary.ts';
import type { RestRequests } from './rest-requests.ts';
import { inTime, showsTrace, type Tally } from './tally.ts';

const TOKENS_MAX = 200;
/** Node refuses by itself what is no HTTP at all. */
const notHttp = new Set([400, 431]);
const WRONG_METHOD = 405;

/** Makes one odd request, whose reply has to be documented and to have the one shape of errors. */
export async function fuzzRest(
  url: string,
  canary: Canary,
  requests: RestRequests,
  prng: Prng,
  tally: Tally,
): Promise<void> {
  const { kind, method, octets } = requests.next(prng);
  tally.tried(kind);
  const reply = await exchange(url, octets);
  if (reply === undefined) return tally.hung(kind, octets);
  const wrong = flawOf(reply, method);
  if (wrong) tally.leaked(kind, `${wrong}: ${reply.toString().slice(0, 300)}`, octets);
  for (const [, token = ''] of reply.toString().matchAll(/"token":"([^"]+)"/g)) requests.tokens.push(token);
  requests.tokens.splice(0, requests.tokens.length - TOKENS_MAX);
  if (!(await inTime(canary.sings()))) tally.hung(`${kind}: the canary`, octets);
}

async function exchange(url: string, octets: Buffer): Promise<Buffer | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(octets);
  const closed = await inTime(once(socket, 'close').catch(() => true));
  socket.destroy();
  return closed === undefined ? undefined : Buffer.concat(chunks);
}

/** What is wrong with a reply; undefined if nothing is. */
function flawOf(reply: Buffer, method: string): string | undefined {
  const text = reply.toString();
  if (showsTrace(text)) return 'a trace';
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
  if (status === 0) return 'no reply';
  if (status < 400) return undefined;
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  if (method === 'HEAD') return status === 500 ? 'the status 500' : undefined;
  if (body === '' && notHttp.has(status)) return undefined;
  if (text.includes('x-amzn-errortype')) return undefined;
  return flawOfError(status, body);
}

function flawOfError(status: number, body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as {
      error: { code: keyof typeof errorFaces; message: string; retryable: boolean };
    };
    const face = errorFaces[error.code];
    if (error.code === 'INTERNAL' || error.code === 'CORRUPT') return `the code ${error.code}`;
    if (typeof error.message !== 'string' || error.retryable !== face.retryable) return 'another shape';
    return face.http === status || status === WRONG_METHOD ? undefined : `the status ${status}`;
  } catch {
    return 'another shape';
  }
}
