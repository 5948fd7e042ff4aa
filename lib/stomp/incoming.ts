import { isUtf8 } from 'node:buffer';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Headers } from '../model/message.ts';
import { commandsReadBy, type Frame, mayHaveBody, type Role, type StompVersion } from './frame.ts';
import { contentLengthOf, findReceipt, parseHeaders, quote } from './headers.ts';
import { opensSession, versionAskedFor } from './negotiation.ts';

const NUL = 0;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const noOctets = new Uint8Array(0);

/** What the size of a frame is held to. */
export type FrameLimits = Pick<Limits, 'frameBytes' | 'headerCount' | 'headerBytes'>;

/** The octets of a frame that opens a session: nobody whose name is not known yet makes the broker hold more. */
const FIRST_FRAME_BYTES = 16 * 1024;

const longestCommand = {
  server: Math.max(...commandsReadBy.server.map((command) => command.length)),
  client: Math.max(...commandsReadBy.client.map((command) => command.length)),
};

/**
 * One frame while its octets arrive. It remembers how far it has read; positions count from the frame's first octet,
 * since the buffer that holds it changes.
 * @see STOMP 1.2, "STOMP Frames" and "Augmented BNF"
 */
export class IncomingFrame {
  readonly #role: Role;
  readonly #limits: FrameLimits;
  /** The octets that it may have. */
  readonly #most: number;
  readonly #isFirst: boolean;
  #command = '';
  /** What is wrong with the command: its head is read all the same, for the receipt that it may ask for. */
  #unknown: BrokerError | undefined;
  #headersAt = 0;
  /** Where the next unread line begins. */
  #lineAt = 0;
  #lines = 0;
  #headers: Headers | undefined;
  #bodyAt = 0;
  #contentLength: number | undefined;
  /** Up to where there is known to be no NUL that ends the frame. */
  #searchedTo = 0;

  /** The octets of the frame, its NUL included, once it is whole; 0 until then. */
  size = 0;

  /** @param isFirst It comes before there is a session. */
  constructor(role: Role, limits: FrameLimits, isFirst: boolean) {
    this.#role = role;
    this.#limits = limits;
    this.#most = isFirst ? Math.min(FIRST_FRAME_BYTES, limits.frameBytes) : limits.frameBytes;
    this.#isFirst = isFirst;
  }

  /**
   * Reads on.
   * @param octets The frame as far as it has arrived, from `start`.
   * @returns The frame once it is whole.
   * @throws BrokerError INVALID_FRAME, INVALID_HEADER, LIMIT_EXCEEDED or BODY_TOO_LARGE, as soon as it is certain.
   */
  read(octets: Buffer, start: number, version: StompVersion): Frame | undefined {
    if (this.#command === '' && !this.#readCommand(octets, start)) return undefined;
    this.#headers ??= this.#readHead(octets, start, version);
    if (this.#headers === undefined) return undefined;
    if (this.#contentLength !== undefined) this.#checkBody(this.#contentLength);
    const body = this.#readBody(octets, start);
    if (body === undefined) return undefined;
    const headers = this.#headers;
    return { command: this.#command, headers, body, hasContentLength: this.#contentLength !== undefined };
  }

  /** The frame's `receipt` as far as it has arrived, for the ERROR frame that answers it. */
  receipt(octets: Buffer, start: number, version: StompVersion): string | undefined {
    if (this.#headers !== undefined) return this.#headers.receipt;
    const lines = octets.toString('utf8', start + this.#headersAt, start + this.#lineAt);
    return findReceipt(lines, this.#command, version);
  }

  /** What is wrong with a frame that will never be whole. */
  get fault(): BrokerError | undefined {
    return this.#unknown;
  }

  /** How many octets are sure to be missing of the `length` that have arrived, if a content-length says so. */
  missing(length: number): number | undefined {
    return this.#contentLength === undefined ? undefined : this.#bodyAt + this.#contentLength + 1 - length;
  }

  #readCommand(octets: Buffer, start: number): boolean {
    const longest = longestCommand[this.#role];
    const eol = octets.indexOf(LINE_FEED, start);
    const end = endOfLine(octets, start, eol);
    if (eol === -1 && end - start <= longest && octets.indexOf(NUL, start) === -1) return false;
    const command = octets.toString('latin1', start, Math.min(end, start + longest + 1));
    if (eol === -1 || !commandsReadBy[this.#role].includes(command)) {
      this.#unknown = unknownCommand(octets.subarray(start, Math.min(end, start + longest + 1)), this.#role);
      if (eol === -1 || end - start > longest) throw this.#unknown;
    }
    this.#command = command;
    this.#headersAt = this.#lineAt = eol + 1 - start;
    return true;
  }

  #readHead(octets: Buffer, start: number, version: StompVersion): Headers | undefined {
    for (;;) {
      const from = start + this.#lineAt;
      const eol = octets.indexOf(LINE_FEED, from);
      const end = endOfLine(octets, from, eol);
      this.#checkLine(end - from, (eol === -1 ? octets.length : eol + 1) - start);
      if (eol === -1) {
        this.#expectNoNul(octets, start);
        return undefined;
      }
      if (end === from) {
        if (this.#unknown) throw this.#unknown;
        this.#bodyAt = eol + 1 - start;
        return this.#parseHead(octets, start, version);
      }
      this.#lineAt = eol + 1 - start;
      this.#lines += 1;
    }
  }

  /** @param arrived The octets of the frame up to the line's end, or as far as there are any. */
  #checkLine(lineBytes: number, arrived: number): void {
    const { headerBytes, headerCount } = this.#limits;
    if (lineBytes > headerBytes) {
      throw this.#tooMuch(`A header line is longer than the ${headerBytes} octets allowed.`);
    }
    if (lineBytes > 0 && this.#lines >= headerCount) {
      throw this.#tooMuch(`A frame has more than the ${headerCount} headers allowed.`);
    }
    if (arrived >= this.#most) {
      throw this.#tooMuch(`The headers of a frame alone take up the ${this.#allowed}.`);
    }
  }

  get #allowed(): string {
    return `${this.#most} octets allowed${this.#isFirst ? ' before the session is open' : ''}`;
  }

  #tooMuch(message: string): BrokerError {
    return this.#unknown ?? new BrokerError('LIMIT_EXCEEDED', message);
  }

  #parseHead(octets: Buffer, start: number, version: StompVersion): Headers {
    const from = start + this.#headersAt;
    const to = start + this.#lineAt;
    const lines = octets.toString('utf8', from, to);
    if (lines.includes('\0')) this.#expectNoNul(octets, start);
    // Decoding puts U+FFFD for what is not UTF-8, but a sender may also have meant it.
    if (lines.includes('\uFFFD') && !isUtf8(octets.subarray(from, to))) {
      throw new BrokerError('INVALID_FRAME', 'The headers are not valid UTF-8.');
    }
    const headers = parseHeaders(lines, this.#command, this.#versionOfHead(lines, version));
    this.#contentLength = contentLengthOf(headers);
    this.#searchedTo = this.#bodyAt;
    return headers;
  }

  /** A CONNECT is read by the rules of the version that it asks for: 1.0 trims its headers. */
  #versionOfHead(lines: string, version: StompVersion): StompVersion {
    if (this.#role === 'client' || !opensSession(this.#command)) return version;
    return versionAskedFor(parseHeaders(lines, this.#command, '1.2')) ?? version;
  }

  /** Without this, a frame that lacks the empty line would wait for ever, and swallow the next one. */
  #expectNoNul(octets: Buffer, start: number): void {
    const nul = octets.indexOf(NUL, start + this.#searchedTo);
    this.#searchedTo = octets.length - start;
    if (nul === -1) return;
    this.#lineAt = nul - start;
    const message = 'A NUL stands among the headers: an empty line ends them, then comes the body.';
    throw this.#unknown ?? new BrokerError('INVALID_FRAME', message);
  }

  #readBody(octets: Buffer, start: number): Uint8Array | undefined {
    const from = start + this.#bodyAt;
    const nul =
      this.#contentLength === undefined
        ? octets.indexOf(NUL, start + this.#searchedTo)
        : this.#closingNul(octets, from + this.#contentLength);
    if (this.#contentLength === undefined) this.#checkBody((nul === -1 ? octets.length : nul) - from);
    if (nul === -1) {
      this.#searchedTo = octets.length - start;
      return undefined;
    }
    this.size = nul + 1 - start;
    return nul === from || !mayHaveBody(this.#command) ? noOctets : octets.subarray(from, nul);
  }

  #closingNul(octets: Buffer, at: number): number {
    if (at >= octets.length) return -1;
    if (octets[at] === NUL) return at;
    throw new BrokerError(
      'INVALID_FRAME',
      `No NUL follows the ${this.#contentLength} octets of body that the content-length announces.`,
    );
  }

  /**
   * Clients write bodies, if only a line end, in frames that have none. They are read and dropped, as other brokers do.
   * @param bodyBytes The octets of the body, or how many have arrived.
   */
  #checkBody(bodyBytes: number): void {
    if (bodyBytes > 0 && this.#role === 'client' && !mayHaveBody(this.#command)) {
      throw new BrokerError('INVALID_FRAME', `A ${this.#command} frame has no body: a NUL follows its empty line.`);
    }
    if (this.#bodyAt + bodyBytes + 1 > this.#most) {
      throw new BrokerError('BODY_TOO_LARGE', `The frame is larger than the ${this.#allowed}.`);
    }
  }
}

/** Where the line's text ends; with `eol` -1, as far as it has arrived. The carriage return is no part of it. */
function endOfLine(octets: Buffer, from: number, eol: number): number {
  const end = eol === -1 ? octets.length : eol;
  return end > from && octets[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
}

/** @param line The command line, cut where it is too long for any command, so that all of it is sure to be there. */
function unknownCommand(line: Buffer, role: Role): BrokerError {
  const nul = line.indexOf(NUL);
  const shown = nul === -1 ? line : line.subarray(0, nul + 1);
  if (!isStartOfUtf8(shown)) return new BrokerError('INVALID_FRAME', 'The command is not valid UTF-8.');
  const peer = role === 'server' ? 'client' : 'server';
  const allowed = commandsReadBy[role].join(', ');
  return new BrokerError(
    'INVALID_FRAME',
    `${quote(shown.toString())} is no command of a ${peer}; allowed are ${allowed}.`,
  );
}

/** A character that is cut off at the end is no fault. */
function isStartOfUtf8(octets: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(octets, { stream: true });
    return true;
  } catch {
    return false;
  }
}
