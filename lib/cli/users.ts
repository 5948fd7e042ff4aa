import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkUserName } from '../access/credentials.ts';
import { parseRule } from '../access/rules.ts';
import { BrokerError } from '../model/errors.ts';
import type { UserInfo } from '../rest/users.ts';
import { type BrokerOptions, withBrokerOptions } from './options.ts';
import { print, printJsonLines, printTable } from './output.ts';
import { RestClient } from './rest-client.ts';
import { readSecret } from './secret.ts';

type Page = { readonly users: readonly UserInfo[]; readonly next?: string };
type NewPassword = { readonly newPasswordFile: string };
type Place = NewPassword & {
  readonly data: string;
  readonly store: 'lmdb' | 'dynamodb';
  readonly tablePrefix?: string;
  readonly endpoint?: string;
};

const PAGE_USERS = 1000;

/** Adds `cirrusmq users` and what can be done to one of them. */
export function addUsers(program: Command): void {
  const users = program.command('users').summary('list, add, change or remove users; make the first one');
  withBrokerOptions(users.command('list', { isDefault: true }).summary('list users (the default)')).action(list);
  const add = named(
    users,
    'add',
    'add a user, or give one another password and other rules, like read,write:/queue/orders.>',
  ).argument('[rule...]', '', ruleOf);
  withNewPassword(withBrokerOptions(add)).action(
    async (name: string, rules: readonly string[], options: BrokerOptions & NewPassword) =>
      await change(name, { password: readSecret(options.newPasswordFile), rules: given(rules) }, options),
  );
  withNewPassword(withBrokerOptions(named(users, 'password', "change a user's password"))).action(
    async (name: string, options: BrokerOptions & NewPassword) =>
      await change(name, { password: readSecret(options.newPasswordFile) }, options),
  );
  const grant = named(users, 'grant', 'give a user these rules, in place of those before; none to take all');
  withBrokerOptions(grant.argument('[rule...]', 'e.g. read,write:/queue/orders.>', ruleOf)).action(
    async (name: string, rules: readonly string[], options: BrokerOptions) =>
      await changeExisting(name, { rules: given(rules) }, options),
  );
  withBrokerOptions(named(users, 'disable', 'let nobody log in as this user')).action(
    async (name: string, options: BrokerOptions) => await changeExisting(name, { disabled: true }, options),
  );
  withBrokerOptions(named(users, 'enable', 'let the user log in again')).action(
    async (name: string, options: BrokerOptions) => await changeExisting(name, { disabled: false }, options),
  );
  withBrokerOptions(named(users, 'remove', 'remove a user; its connections end')).action(remove);
  addBootstrap(users);
}

/** Writes to the directory itself: with the rights on its files or, in AWS, with the caller's credentials. */
function addBootstrap(users: Command): void {
  const bootstrap = named(users, 'bootstrap', 'make an administrator without any, in the data of a broker')
    .option('--data <dir>', "the embedded store's folder; no broker may run on it", './.cirrusmq')
    .addOption(new Option('--store <kind>', 'what keeps the messages').choices(['lmdb', 'dynamodb']).default('lmdb'))
    .option('--table-prefix <prefix>', 'what the names of the DynamoDB tables begin with')
    .option('--endpoint <url>', 'another address of DynamoDB');
  withNewPassword(bootstrap).action(async (name: string, place: Place) => {
    if (place.store === 'dynamodb' && !place.tablePrefix) {
      bootstrap.error('error: --store dynamodb needs --table-prefix');
    }
    const { makeAdministrator } = await import('../server/offline.ts');
    await makeAdministrator(place, name, readSecret(place.newPasswordFile));
    await print(`${name} may do everything.\n`);
  });
}

function named(users: Command, verb: string, summary: string): Command {
  return users.command(verb).summary(summary).argument('<name>', 'e.g. alice', nameOf);
}

function withNewPassword(command: Command): Command {
  return command.option('--new-password-file <file>', 'where the new password is; - for standard input', '-');
}

function nameOf(text: string): string {
  return checked(text, checkUserName);
}

/** Commander hands what came before to the reader of each further argument. */
function ruleOf(text: string, before: readonly string[] = []): string[] {
  return [...given(before), checked(text, parseRule)];
}

/** Commander gives no list where there is no argument. */
function given(rules: readonly string[] | undefined): string[] {
  return Array.isArray(rules) ? [...rules] : [];
}

function checked(text: string, check: (text: string) => unknown): string {
  try {
    check(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof BrokerError ? error.message : String(error));
  }
}

function pathOf(name: string): string {
  return `/v1/users/${encodeURIComponent(name)}`;
}

async function list(options: BrokerOptions): Promise<void> {
  const client = new RestClient(options);
  const users: UserInfo[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: Page = await client.call<Page>(
      'GET',
      `/v1/users?limit=${PAGE_USERS}&after=${encodeURIComponent(after)}`,
    );
    users.push(...page.users);
    after = page.next;
  }
  if (options.json) return await printJsonLines(users);
  await printTable(
    [
      { head: 'NAME', kind: 'text', of: ({ name }) => name },
      { head: 'STATE', kind: 'text', of: ({ disabled }) => (disabled ? 'disabled' : 'enabled') },
      { head: 'RULES', kind: 'text', of: ({ rules }) => rules.join(' ') },
    ],
    users,
  );
}

async function change(name: string, asked: object, options: BrokerOptions): Promise<void> {
  const user = await new RestClient(options).call<UserInfo>('PUT', pathOf(name), asked);
  if (options.json) await printJsonLines([user]);
}

/** A name that is misspelt is told as such. */
async function changeExisting(name: string, asked: object, options: BrokerOptions): Promise<void> {
  await new RestClient(options).call('GET', pathOf(name));
  await change(name, asked, options);
}

async function remove(name: string, options: BrokerOptions): Promise<void> {
  await new RestClient(options).call('DELETE', pathOf(name));
}
