#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import { version } from '../model/version.ts';
import { addBrowse } from './browse.ts';
import { CommandFailure, exitCodes, exitCodesHelp } from './exit.ts';
import { destinationGroups, type ServeOptions, wholeNumber } from './options.ts';
import { addQueues } from './queues.ts';
import { addReceive } from './receive.ts';
import { addSend } from './send.ts';
import { addUsers } from './users.ts';

const PORT_MAX = 65_535;
const SEED_MAX = 2 ** 31;

/** The broker is loaded by the command that runs it: the others start without it. */
function addServe(program: Command): void {
  program
    .command('serve')
    .summary('run a broker on this machine')
    .description(
      'Runs a broker on 127.0.0.1 until it is told to stop; while another process has the data, as its standby.',
    )
    .option('--port <n>', 'REST and STOMP over WebSocket; 0 takes a free one', wholeNumber(0, PORT_MAX), 61_614)
    .option('--stomp-port <n>', 'plain STOMP; 0 takes a free one', wholeNumber(0, PORT_MAX), 61_613)
    .option('--data <dir>', 'where messages are kept', './.cirrusmq')
    .option('--memory', 'keep messages in memory alone', false)
    .option('--pid-file <file>', 'write the process id there while it runs')
    .addOption(new Option('--store <kind>', 'what keeps the messages').choices(['lmdb', 'dynamodb']).default('lmdb'))
    .option('--table-prefix <prefix>', 'what the names of the DynamoDB tables begin with')
    .option('--endpoint <url>', 'another address of DynamoDB')
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
    .action(async (options: ServeOptions) => {
      // Half of a start is compiling, which the next start finds done.
      enableCompileCache();
      await (await import('./serve.ts')).serve(options);
    });
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
addUsers(program);

// Whoever writes learns of a closed output from the write itself.
process.stdout.on('error', () => {});
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}
