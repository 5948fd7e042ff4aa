import { type Command, InvalidArgumentError } from 'commander';
import { formatDestination, parseDestination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import { localLimits } from '../model/limits.ts';
import type { GroupPage, MoveStep } from '../rest/groups.ts';
import { type BrokerOptions, withBrokerOptions } from './options.ts';
import { print, printJsonLines, printTable } from './output.ts';
import { RestClient } from './rest-client.ts';

const PAGE_DESTINATIONS = 1000;

/** Adds `cirrusmq groups` and what moves a destination. */
export function addGroups(program: Command): void {
  const groups = program.command('groups').summary('list destination groups and what lives in them; move a queue');
  withBrokerOptions(
    groups.command('list', { isDefault: true }).summary('list groups, and where queues and topics live (the default)'),
  ).action(list);
  const move = groups
    .command('move')
    .summary('move a queue or a topic to another group; it stays in use')
    .argument('<destination>', 'e.g. orders, or /topic/prices', destinationOf)
    .option('--to <group>', 'the group; by default the one that it would be created in');
  withBrokerOptions(move).action(moveOne);
}

function destinationOf(text: string): string {
  try {
    return formatDestination(parseDestination(text, localLimits));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof BrokerError ? error.message : String(error));
  }
}

async function list(options: BrokerOptions): Promise<void> {
  const client = new RestClient(options);
  let groups: GroupPage['groups'] = [];
  const destinations: GroupPage['destinations'] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const path = `/v1/groups?limit=${PAGE_DESTINATIONS}&after=${encodeURIComponent(after)}`;
    const page: GroupPage = await client.call<GroupPage>('GET', path);
    groups = page.groups;
    destinations.push(...page.destinations);
    after = page.next;
  }
  if (options.json) return await printJsonLines([...groups, ...destinations]);
  if (groups.length === 0) return await print(`${oneplace}\n`);
  const count = (name: string) => destinations.filter(({ group }) => group === name).length;
  await printTable<GroupPage['groups'][number]>(
    [
      { head: 'GROUP', kind: 'text', of: ({ name }) => name },
      { head: 'LIVE IN IT', kind: 'number', of: ({ name }) => String(count(name)) },
      { head: 'TABLE', kind: 'text', of: ({ table }) => table },
      { head: 'NEW DESTINATIONS', kind: 'text', of: patternsOf },
    ],
    groups,
  );
  if (destinations.length === 0) return;
  await print('\n');
  await printTable<GroupPage['destinations'][number]>(
    [
      { head: 'DESTINATION', kind: 'text', of: ({ destination }) => destination },
      { head: 'LIVES IN', kind: 'text', of: ({ group }) => group },
      {
        head: 'CONFIGURED',
        kind: 'text',
        of: ({ group, configured }) => (group === configured ? '' : `${configured} (move it, or leave it)`),
      },
    ],
    destinations,
  );
}

const oneplace = 'This broker keeps everything in one place: destination groups are DynamoDB tables.';

function patternsOf({ name, destinations, isConfigured }: GroupPage['groups'][number]): string {
  if (!isConfigured) return 'none: it is configured no more';
  if (name === 'default') return 'all others';
  return destinations.length > 0 ? destinations.join(' ') : 'none: it is being given up';
}

/** Each request does a part: a queue with a long backlog takes many. */
async function moveOne(destination: string, options: BrokerOptions & { readonly to?: string }): Promise<void> {
  const client = new RestClient(options);
  const { to } = options;
  const ask = { destination, ...(to === undefined ? {} : { to }) };
  for (;;) {
    const step = await client.call<MoveStep>('POST', '/v1/groups/move', ask);
    if (options.json) await printJsonLines([step]);
    if (!step.isDone) continue;
    if (!options.json) await print(`${destination} lives in ${step.group}.\n`);
    return;
  }
}
