import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDestination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import { type DestinationGroup, groupDestinations, readGroups } from '../model/groups.ts';
import { localLimits } from '../model/limits.ts';
import type { LogLevel } from './server-log.ts';

/** What `cirrusmq serve` was asked for. */
export type ServeOptions = {
  /** The port of REST and STOMP over WebSocket; 0 takes a free one. */
  readonly port: number;
  /** The port of plain STOMP; 0 takes a free one. */
  readonly stompPort: number;
  /** Where it listens. */
  readonly host: string;
  /** True to let everybody in who reaches it, wherever it listens. */
  readonly open: boolean;
  /** True to write JSON lines. */
  readonly json: boolean;
  readonly logLevel: LogLevel;
  /** The folder of the embedded store. */
  readonly data: string;
  /** True to keep messages in memory alone. */
  readonly memory: boolean;
  /** Where to write the process id while it is the master. */
  readonly pidFile?: string;
  readonly store: 'lmdb' | 'dynamodb';
  /** What the names of the DynamoDB tables begin with. */
  readonly tablePrefix?: string;
  /** Another address of DynamoDB, e.g. of DynamoDB Local. */
  readonly endpoint?: string;
  /** True to create tables that are not there, in an account as well. */
  readonly createTables: boolean;
  /** True to become the master of tables that a deployment in AWS claims. */
  readonly takeOver: boolean;
  /** True to enforce what API Gateway and Lambda enforce. */
  readonly strict: boolean;
  /** Decides what is shuffled, throttled and lost then. */
  readonly strictSeed: number;
  /** A JSON list of `{name, destinations}`, each of which has a DynamoDB table of its own. */
  readonly destinationGroups?: readonly DestinationGroup[];
  /** Origins of pages that may connect, besides those on loopback. */
  readonly allowOrigin: readonly string[];
  /** True to let only users in. */
  readonly users: boolean;
  /** Whose tokens are taken, for whom they are to be, where their keys are and which claim holds the rules. */
  readonly jwtIssuer?: string;
  readonly jwtAudience?: string;
  readonly jwtJwks?: string;
  readonly jwtClaim?: string;
  /** A file with the password of the user `admin`, who may do everything. */
  readonly adminPasswordFile?: string;
};

/** What every command that asks a broker has. */
export type BrokerOptions = {
  /** The broker's address, without a slash at its end. */
  readonly url: string;
  /** True to print JSON lines. */
  readonly json: boolean;
  /** True to send credentials over http to another machine. */
  readonly insecure: boolean;
} & CredentialOptions;

/** By which credentials to ask a broker; those of the environment where there are none. */
export type CredentialOptions = {
  readonly user?: string;
  readonly passwordFile?: string;
};

const URL_DEFAULT = 'http://127.0.0.1:61614';

/** Gives a command the options of `BrokerOptions`. */
export function withBrokerOptions(command: Command): Command {
  const url = new Option('--url <url>', "the broker's address").env('CIRRUSMQ_URL').default(URL_DEFAULT);
  return command
    .addOption(url.argParser(addressOf))
    .addOption(new Option('--user <name>', 'who asks').env('CIRRUSMQ_USER'))
    .option(
      '--password-file <file>',
      "a file with the user's password, or - for standard input; else CIRRUSMQ_PASSWORD",
    )
    .option('--insecure', 'let a password or token go over http to another machine', false)
    .option('--json', 'print JSON lines', false);
}

function addressOf(text: string): string {
  const scheme = URL.canParse(text) ? new URL(text).protocol : '';
  if (scheme !== 'http:' && scheme !== 'https:') {
    throw new InvalidArgumentError(`It is an address like ${URL_DEFAULT}.`);
  }
  return text.replace(/\/+$/, '');
}

/** Reads a queue's name: `orders`, or `/queue/orders`. @returns the bare name */
export function queueName(text: string): string {
  try {
    const { kind, name } = parseDestination(text, localLimits);
    if (kind === 'queue') return name;
  } catch (error) {
    if (error instanceof BrokerError) throw new InvalidArgumentError(error.message);
    throw error;
  }
  throw new InvalidArgumentError('It is no queue.');
}

/** Reads a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

/** Reads a number of seconds, perhaps with a fraction. */
export function seconds(text: string): number {
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number of seconds.');
}

/** Reads destination groups: a JSON list of `{name, destinations}`. */
export function destinationGroups(text: string): readonly DestinationGroup[] {
  try {
    const groups = readGroups(text);
    groupDestinations(groups);
    return groups;
  } catch (error) {
    if (error instanceof BrokerError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
