import { BrokerError } from '../model/errors.ts';
import type { Frame, Role, StompVersion } from './frame.ts';
import { type FrameLimits, IncomingFrame } from './incoming.ts';
import { opensSession, versionAskedFor } from './negotiation.ts';

const NUL = 0;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const nothing = Buffer.alloc(0);

/** How to read: `version` is the one agreed on. A server's is undefined until a CONNECT frame has been read. */
export type ParserOptions = {
  readonly limits: FrameLimits;
  readonly version: StompVersion | undefined;
  readonly role: Role;
};

/** What comes before CONNECT is read by these rules, if only to be refused. */
const first = '1.2' satisfies StompVersion;

/** What one push yields. With an `error`, the frames are those that were whole before the faulty one. */
export type Parsed = {
  readonly frames: readonly Frame[];
  /** Line ends between frames: each is a heart-beat, or the line end that many clients write after a frame. */
  readonly heartBeats: number;
  /**
   * The octets of these frames and heart-beats as they arrived, without the incomplete rest: the results of all pushes
   * together are the stream up to `consumed`. A view, like the frames' bodies.
   */
  readonly octets: Buffer;
  /** The version agreed on, up to here. */
  readonly version: StompVersion | undefined;
  /** INVALID_FRAME, INVALID_HEADER, LIMIT_EXCEEDED or BODY_TOO_LARGE; `details.receipt` if the frame asked for one. */
  readonly error?: BrokerError;
};

/**
 * Reads frames from a stream that arrives in pieces of any size. It never throws for what it reads and never holds
 * more than `limits.frameBytes` of an incomplete frame. After an error it reads nothing more and repeats the error.
 * @see STOMP 1.2, "STOMP Frames", "Size Limits" and "Heart-beating"
 */
export class FrameParser {
  readonly #limits: FrameLimits;
  readonly #role: Role;
  /** Holds the incomplete frame in its first `#pending` octets, and has room for more. */
  #buffer: Buffer = nothing;
  #pending = 0;
  #consumed = 0;
  #incoming: IncomingFrame | undefined;
  #error: BrokerError | undefined;
  #version: StompVersion | undefined;

  constructor(options: ParserOptions) {
    this.#limits = options.limits;
    this.#role = options.role;
    this.#version = options.version;
  }

  /** Whose rules the next frame is read by: those of the session that the last CONNECT has opened. */
  get version(): StompVersion | undefined {
    return this.#version;
  }

  /** The octets held of an incomplete frame; 0 between frames. */
  get pendingBytes(): number {
    return this.#pending;
  }

  /** What is wrong already with the incomplete frame; undefined if nothing is known to be. */
  get fault(): BrokerError | undefined {
    return this.#incoming?.fault;
  }

  /** Up to which offset of the stream all is read: whole frames and the line ends between them. */
  get consumed(): number {
    return this.#consumed;
  }

  /** @param chunk Must not be changed afterwards: bodies are views of it. */
  push(chunk: Uint8Array): Parsed {
    if (this.#error) return { frames: [], heartBeats: 0, octets: nothing, version: this.#version, error: this.#error };
    const octets = this.#join(chunk);
    const frames: Frame[] = [];
    let heartBeats = 0;
    let at = 0;
    while (at < octets.length) {
      if (!this.#incoming && isFiller(octets[at])) {
        if (octets[at] === LINE_FEED) heartBeats += 1;
        at += 1;
        continue;
      }
      this.#incoming ??= new IncomingFrame(this.#role, this.#limits, this.#isBeforeSession);
      const frame = this.#read(this.#incoming, octets, at);
      if (!frame) break;
      frames.push(frame);
      this.#notice(frame);
      at += this.#incoming.size;
      this.#incoming = undefined;
    }
    this.#keep(octets, at);
    const read = { frames, heartBeats, octets: octets.subarray(0, at), version: this.#version };
    return this.#error ? { ...read, error: this.#error } : read;
  }

  /**
   * For input that must hold whole frames: what is wrong if it ends here. INVALID_FRAME, or undefined between frames.
   */
  end(): BrokerError | undefined {
    if (!this.#incoming) return undefined;
    const missing = this.#incoming.missing(this.#pending);
    const why =
      missing === undefined
        ? 'the last one is not ended by a NUL'
        : `the content-length of the last one reaches past the end: ${missing} octets are missing, its NUL included`;
    const whole = new BrokerError('INVALID_FRAME', `A frame must be whole within one message, but ${why}.`);
    const error = this.#incoming.fault ?? whole;
    return this.#withReceipt(error, this.#incoming, this.#buffer.subarray(0, this.#pending), 0);
  }

  /** What follows a CONNECT is of the session that it opens, in the same piece, too. */
  #notice({ command, headers }: Frame): void {
    if (this.#role === 'server' && opensSession(command)) this.#version ??= versionAskedFor(headers);
  }

  get #isBeforeSession(): boolean {
    return this.#role === 'server' && this.#version === undefined;
  }

  #read(incoming: IncomingFrame, octets: Buffer, start: number): Frame | undefined {
    try {
      return incoming.read(octets, start, this.#version ?? first);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#error = this.#withReceipt(error, incoming, octets, start);
      return undefined;
    }
  }

  #withReceipt(error: BrokerError, incoming: IncomingFrame, octets: Buffer, start: number): BrokerError {
    const receipt = incoming.receipt(octets, start, this.#version ?? first);
    return receipt === undefined ? error : new BrokerError(error.code, error.message, { details: { receipt } });
  }

  /** The incomplete rest and the chunk, in one piece; without a rest, the chunk itself. */
  #join(chunk: Uint8Array): Buffer {
    if (this.#pending === 0) return asBuffer(chunk);
    const length = this.#pending + chunk.length;
    if (length > this.#buffer.length) {
      const room = Math.max(length, Math.min(2 * this.#buffer.length, this.#limits.frameBytes));
      const larger = Buffer.allocUnsafe(room);
      this.#buffer.copy(larger, 0, 0, this.#pending);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#pending);
    return this.#buffer.subarray(0, length);
  }

  /** Keeps what follows `at`. A buffer of which frames have views is never written to again. */
  #keep(octets: Buffer, at: number): void {
    this.#consumed += at;
    const rest = octets.length - at;
    if (this.#error || rest === 0) {
      this.#buffer = nothing;
      this.#pending = 0;
      return;
    }
    const isOwn = this.#pending > 0;
    if (at > 0 || !isOwn) this.#buffer = Buffer.from(octets.subarray(at));
    this.#pending = rest;
  }
}

/**
 * Reads one message of a transport that keeps messages apart: no frame, one or several, all of them whole.
 * The frames before a faulty or an incomplete one are in the result, with the error.
 */
export function decodeFrames(message: Uint8Array, options: ParserOptions): Parsed {
  const parser = new FrameParser(options);
  const parsed = parser.push(message);
  const error = parsed.error ?? parser.end();
  return error ? { ...parsed, error } : parsed;
}

/**
 * What may stand between frames: line ends, of which a carriage return alone is let through as well, since its line feed
 * may come with the next piece, and, as other brokers have it, a NUL too many.
 */
function isFiller(octet: number | undefined): boolean {
  return octet === LINE_FEED || octet === CARRIAGE_RETURN || octet === NUL;
}

function asBuffer(octets: Uint8Array): Buffer {
  return Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
}
