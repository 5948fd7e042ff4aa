import type { Socket } from '../gateway/sockets.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Frame } from '../stomp/frame.ts';
import { agreeOnHeartBeat, opensSession, parseHeartBeat, serverHeartBeat } from '../stomp/negotiation.ts';
import { FrameParser } from '../stomp/parser.ts';
import { errorFrame } from '../stomp/replies.ts';

/** What a connection tells the server. */
export type ConnectionEvents = {
  /** Takes whole frames; the next ones come when it is done. */
  readonly onFrames: (octets: Buffer) => Promise<void>;
  readonly onEnd: () => Promise<void>;
};

/** A client may not be slower than its agreed heart-beat by more than this factor. */
const HEART_BEAT_GRACE = 2;
/** How long a client has to close its side as well. */
const CLOSE_MS = 5000;
/** Unhandled input above which the transport is told to wait. */
const PENDING_BYTES_MAX = 16 * 1024 * 1024;
/** As much is handled at once, and a piece more: others have their turn in between. */
const RUN_BYTES = 64 * 1024;
const END_OF_LINE = Buffer.from('\n');

/**
 * A connection whose transport keeps order: cuts its stream into whole frames, hands them on one after the other, and
 * keeps heart-beats. What arrives while frames are being handled goes on together.
 */
export class OrderedConnection {
  readonly #socket: Socket;
  readonly #limits: Limits;
  readonly #events: ConnectionEvents;
  readonly #flow: { readonly pause: () => void; readonly resume: () => void };
  readonly #parser: FrameParser;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #refused: BrokerError | undefined;
  #isEnded = false;
  #isClosing = false;
  #isDraining = false;
  #isHeard = false;
  /** Its first frames were carried out: it is known who is there. */
  #isOpen = false;
  #lastReceived = performance.now();
  #isPaused = false;
  #beat: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout;

  constructor(
    socket: Socket,
    limits: Limits,
    events: ConnectionEvents,
    flow: { readonly pause: () => void; readonly resume: () => void },
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#events = events;
    this.#flow = flow;
    this.#parser = new FrameParser({ limits, version: undefined, role: 'server' });
    this.#silence = setTimeout(() => this.#breakSilence(), limits.frameIdleMs);
  }

  /** Whether a frame has come. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** Whether its first frames were carried out, and it goes on. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isClosing;
  }

  receive(octets: Buffer): void {
    if (this.#refused || this.#isEnded || this.#isClosing || this.#isDraining) return;
    this.#lastReceived = performance.now();
    const parsed = this.#parser.push(octets);
    for (const frame of parsed.frames) this.#notice(frame);
    if (parsed.frames.length > 0) this.#add(parsed.octets);
    this.#refused = parsed.error;
    this.#isHeard ||= parsed.frames.length > 0;
    // Until the first frame, no octet puts off the end of the patience.
    if (this.#isHeard) clearTimeout(this.#silence);
    if (this.#isHeard && this.#parser.pendingBytes > 0 && !this.#isPaused) this.#awaitRest();
    this.#start();
  }

  #awaitRest(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#breakSilence(), this.#limits.frameIdleMs);
  }

  /** Closes after what was sent; what arrives from here on is passed over. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#pending = [];
    this.#stopTimers();
    if (this.#isEnded) return;
    // That the other side closes as well has to be read.
    if (this.#isPaused) this.#resume();
    this.#socket.close();
    this.#silence = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
    this.#silence.unref();
  }

  /** The transport is gone. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#stopTimers();
    void this.#settled().then(() => this.#events.onEnd());
  }

  /** Takes nothing more, and resolves when all that was received so far is handled. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#settled();
  }

  async #settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  #add(octets: Buffer): void {
    this.#pending.push(octets);
    this.#pendingBytes += octets.byteLength;
    // From someone unknown nothing more is taken until the first frames are carried out.
    if (this.#isOpen && this.#pendingBytes <= PENDING_BYTES_MAX) return;
    this.#isPaused = true;
    this.#flow.pause();
  }

  /** What arrives at the very end of a run begins the next one. */
  #start(): void {
    if (this.#running || this.#isClosing) return;
    if (this.#pending.length === 0 && !this.#refused) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  /** A peer that was not listened to was not silent. */
  #resume(): void {
    this.#isPaused = false;
    this.#lastReceived = performance.now();
    if (this.#parser.pendingBytes > 0 && !this.#isClosing && !this.#isEnded) this.#awaitRest();
    this.#flow.resume();
  }

  async #run(): Promise<void> {
    while (this.#pending.length > 0) {
      const octets = this.#take();
      if (this.#isPaused && this.#isOpen && this.#pendingBytes <= PENDING_BYTES_MAX) this.#resume();
      try {
        await this.#events.onFrames(octets);
        this.#isOpen = true;
      } catch (error) {
        this.#pending = [];
        this.#pendingBytes = 0;
        this.#refused = asBrokerError(error);
      }
    }
    if (this.#refused) this.#refuse(this.#refused);
    else if (this.#isPaused && !this.#isClosing) this.#resume();
  }

  /** The next of what has arrived. */
  #take(): Buffer {
    let bytes = 0;
    let count = 0;
    for (; bytes < RUN_BYTES && count < this.#pending.length; count++) bytes += this.#pending[count]?.byteLength ?? 0;
    const taken = this.#pending.splice(0, count);
    this.#pendingBytes -= bytes;
    return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken);
  }

  #refuse(error: BrokerError): void {
    if (!this.#isClosing && !this.#isEnded) {
      const { version = '1.2' } = this.#parser;
      const frame = errorFrame(error, error.details.receipt as string | undefined, version);
      this.#socket.send(this.#socket.endsLines ? Buffer.concat([frame, END_OF_LINE]) : frame);
    }
    this.close();
  }

  /** Heart-beats are agreed on by CONNECT, which the handler answers by the same rules. */
  #notice(frame: Frame): void {
    if (!opensSession(frame.command)) return;
    try {
      const client = parseHeartBeat(frame.headers['heart-beat']);
      this.#startHeartBeats(agreeOnHeartBeat(client, serverHeartBeat(this.#limits)));
    } catch {
      // The handler reads the same frame, and refuses it.
    }
  }

  #startHeartBeats({ sendMs, receiveMs }: { readonly sendMs: number; readonly receiveMs: number }): void {
    clearInterval(this.#beat);
    clearInterval(this.#watch);
    if (sendMs > 0) this.#beat = setInterval(() => this.#socket.send(END_OF_LINE), sendMs);
    if (receiveMs === 0) return;
    const isSilent = () => !this.#isPaused && performance.now() - this.#lastReceived > receiveMs * HEART_BEAT_GRACE;
    this.#watch = setInterval(() => {
      // After a long turn of this process, what has arrived meanwhile is read before it is judged.
      if (isSilent()) setImmediate(() => isSilent() && this.#socket.destroy());
    }, receiveMs);
  }

  #breakSilence(): void {
    const seconds = this.#limits.frameIdleMs / 1000;
    const what = this.#parser.pendingBytes > 0 ? 'the rest of a frame' : 'a CONNECT frame';
    const message = `Nothing was heard for ${seconds} s while waiting for ${what}.`;
    this.#refused = this.#parser.fault ?? new BrokerError('INVALID_FRAME', message);
    this.#start();
  }

  #stopTimers(): void {
    clearInterval(this.#beat);
    clearInterval(this.#watch);
    clearTimeout(this.#silence);
  }
}
