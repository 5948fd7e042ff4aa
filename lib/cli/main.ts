import { enableCompileCache } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import { version } from '../model/version.ts';
import { addBrowse } from './browse.ts';
import { CommandFailure, exitCodes, exitCodesHelp } from './exit.ts';
import { addGroups } from './groups.ts';
import { destinationGroups, type ServeOptions, wholeNumber } from './options.ts';
import { addQueues } from './queues.ts';
import { addReceive } from './receive.ts';
import { addSend } from './send.ts';
import { logLevels } from './server-log.ts';
import { addUsers } from './users.ts';

const PORT_MAX = 65_535;
const SEED_MAX = 2 ** 31;

/** The broker is loaded by the command that runs it: the others start without it. */
function addServe(program: Command): void {
  program
    .command('serve')
    .summary('run a broker on this machine')
    .description('Runs a broker until it is told to stop; while another process has the data, as its standby.')
    .option('--port <n>', 'REST and STOMP over WebSocket; 0 takes a free one', wholeNumber(0, PORT_MAX), 61_614)
    .option('--stomp-port <n>', 'plain STOMP; 0 takes a free one', wholeNumber(0, PORT_MAX), 61_613)
    .option('--host <address>', 'where it listens; not on loopback it is closed to all but users', '127.0.0.1')
    .option('--open', 'let in whoever reaches it, wherever it listens', false)
    .addOption(new Option('--log-level <level>', 'how much is written').choices(logLevels).default('info'))
    .option('--json', 'write JSON lines, for containers', false)
    .option('--data <dir>', 'where messages are kept', './.cirrusmq')
    .option('--memory', 'keep messages in memory alone', false)
    .option('--pid-file <file>', 'write the process id there while it is the master')
    .addOption(new Option('--store <kind>', 'what keeps the messages').choices(['lmdb', 'dynamodb']).default('lmdb'))
    .option('--table-prefix <prefix>', 'what the names of the DynamoDB tables begin with')
    .option('--endpoint <url>', 'another address of DynamoDB')
    .option(
      '--create-tables',
      'make the DynamoDB tables that are missing; on a loopback endpoint they always are',
      false,
    )
    .option('--take-over', 'serve tables that a deployment in AWS claims, such as restored ones', false)
    .option('--strict', 'enforce what API Gateway and Lambda enforce: WebSocket alone, its sizes, no order', false)
    .option('--strict-seed <n>', 'decides what --strict shuffles, throttles and loses', wholeNumber(0, SEED_MAX), 1)
    .option('--destination-groups <json>', 'destinations with a DynamoDB table of their own', destinationGroups)
    .option('--allow-origin <origin...>', 'origins of pages that may connect, besides those on loopback', [])
    .option('--users', 'closed to all but users, and those with a token if an issuer is named', false)
    .option('--admin-password-file <file>', 'the same, with a user "admin" of this password, who may do everything')
    .option('--jwt-issuer <url>', 'the same, and JSON Web Tokens of this issuer are taken')
    .option('--jwt-audience <name>', 'the audience that a token must name')
    .option('--jwt-jwks <url>', "the issuer's keys, if not where its discovery says")
    .option('--jwt-claim <name>', 'the claim that holds the rules', 'cirrusmq')
    .action(async (options: ServeOptions, command: Command) => {
      refuseContradictions(command, options);
      // Half of a start is compiling, which the next start finds done.
      enableCompileCache();
      await (await import('./serve.ts')).serve(options);
    });
}

/** Options that mean nothing without others, or beside them: somebody meant something by them. */
function refuseContradictions(command: Command, options: ServeOptions): void {
  const { memory, store, strict, users, adminPasswordFile, jwtIssuer, jwtAudience, tablePrefix } = options;
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  const only = (isMeant: boolean, needed: string, names: readonly string[]) => {
    const [first] = isMeant ? [] : names.filter(isGiven);
    if (first !== undefined) command.error(`error: --${dashed(first)} is only for ${needed}`);
  };
  const isOnTables = store === 'dynamodb' && !memory;
  only(isOnTables, '--store dynamodb', ['tablePrefix', 'endpoint', 'destinationGroups']);
  only(!memory, 'a broker without --memory', ['store', 'data']);
  only(!isOnTables, '--store lmdb', ['data']);
  only(strict, '--strict', ['strictSeed']);
  const isClosed = users || adminPasswordFile !== undefined || jwtIssuer !== undefined;
  only(!isClosed, 'a broker without --users, --admin-password-file and --jwt-issuer', ['open']);
  only(jwtIssuer !== undefined, '--jwt-issuer', ['jwtAudience', 'jwtJwks', 'jwtClaim']);
  if (isOnTables && !tablePrefix) command.error('error: --store dynamodb needs --table-prefix');
  if (jwtIssuer !== undefined && !jwtAudience) command.error('error: --jwt-issuer needs --jwt-audience');
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** What the process ends with; commander has told of wrong usage already. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
  process.stderr.write(`cirrusmq: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof CommandFailure ? error.exitCode : exitCodes.failed;
}

const program = new Command('cirrusmq')
  .description('CirrusMQ: a message broker, and commands to use one.')
  .version(version)
  .addHelpText('afterAll', exitCodesHelp)
  .exitOverride();
addServe(program);
addSend(program);
addReceive(program);
addBrowse(program);
addQueues(program);
addGroups(program);
addUsers(program);

// Whoever writes learns of a closed output from the write itself.
process.stdout.on('error', () => {});
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
