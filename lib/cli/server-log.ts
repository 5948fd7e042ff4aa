import type { BrokerError } from '../model/errors.ts';
import { loggedCause } from '../model/logged-cause.ts';

/** From the least to the most that is written. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

type Details = Readonly<Record<string, unknown>>;

/** Where lines go: what the server says of itself, and what befalls it. */
type Outputs = { readonly out: (line: string) => void; readonly err: (line: string) => void };

const standard: Outputs = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
};

/**
 * What `cirrusmq serve` writes: that it started, waits, took over and stops, at each level, on stdout; and on stderr what
 * befalls it, a line each, as far as the level goes. As JSON all of it is an object a line on stdout, for whatever
 * gathers the logs of containers.
 */
export class ServerLog {
  readonly #isJson: boolean;
  readonly #level: LogLevel;
  readonly #outputs: Outputs;

  constructor(isJson: boolean, level: LogLevel, outputs: Outputs = standard) {
    this.#isJson = isJson;
    this.#level = level;
    this.#outputs = outputs;
  }

  /** Says what the server does, in a text for people or as an event for programs. */
  say(text: string, event: string, details: Details = {}): void {
    if (this.#isJson) this.#outputs.out(jsonLine('info', event, details));
    else this.#outputs.out(text);
  }

  /** Why the server cannot go on. */
  readonly fatal = (message: string): void => {
    if (this.#isJson) this.#outputs.out(jsonLine('error', 'failed', { message }));
    else this.#outputs.err(`cirrusmq: ${message}`);
  };

  /** Failures, and what the operator should know. */
  readonly log = (event: string, details: Details, error?: BrokerError): void => {
    if (!error) {
      this.#write('warn', event, details);
      return;
    }
    const { code, message } = error;
    this.#write('error', event, { ...details, code, message, cause: loggedCause(error) });
  };

  /** Who changed what. */
  readonly audit = (event: string, details: Details): void => this.#write('info', event, details);

  /** Connections and refusals. */
  readonly trace = (event: string, details: Details): void => this.#write('debug', event, details);

  #write(level: LogLevel, event: string, details: Details): void {
    if (logLevels.indexOf(level) > logLevels.indexOf(this.#level)) return;
    if (this.#isJson) this.#outputs.out(jsonLine(level, event, details));
    else this.#outputs.err(textLine(level, event, details));
  }
}

function jsonLine(level: LogLevel, event: string, details: Details): string {
  return JSON.stringify({ time: new Date().toISOString(), level, event, ...details });
}

/** `2026-01-01T12:00:00.000Z warn  lease stolen shard=/queue/orders`; what has blanks is quoted. */
function textLine(level: LogLevel, event: string, details: Details): string {
  const parts = Object.entries(details).flatMap(([name, value]) =>
    value === undefined
      ? []
      : `${name}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`,
  );
  return [new Date().toISOString(), level.padEnd(5), event, ...parts].join(' ');
}
