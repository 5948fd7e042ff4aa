import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/**
 * Makes the first administrator of a deployed broker as the README says: by the command line, and the credentials of
 * the account in the environment.
 * @returns what the command said
 */
export async function makeAdministrator(tablePrefix: string, name: string, password: string): Promise<string> {
  const args = ['users', 'bootstrap', name, '--store', 'dynamodb', '--table-prefix', tablePrefix];
  const child = spawn(process.execPath, ['lib/cli/main.ts', ...args], { stdio: 'pipe' });
  child.stdin.end(`${password}\n`);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`cirrusmq users bootstrap ended with ${child.exitCode}: ${errors}`);
  return `cirrusmq users bootstrap: ${output.trim()}`;
}
