import type { Command } from 'commander';
import type { DeletedDamaged, Queue } from '../rest/queues.ts';
import { type BrokerOptions, queueName, withBrokerOptions } from './options.ts';
import { type Column, print, printJsonLines, printTable } from './output.ts';
import { pathOf, RestClient } from './rest-client.ts';

type Page = { readonly queues: readonly Queue[]; readonly next?: string };

const PAGE_QUEUES = 1000;

/** Adds `cirrusmq queues` and what it can do to one of them. */
export function addQueues(program: Command): void {
  const queues = program.command('queues').summary('list, create, delete or purge queues');
  withBrokerOptions(queues.command('list', { isDefault: true }).summary('list queues (the default)')).action(list);
  withName(queues.command('create').summary('create a queue; one that exists stays as it is')).action(create);
  withName(queues.command('delete').summary('delete a queue with all its messages')).action(remove);
  withName(queues.command('purge').summary('drop all messages of a queue that are ready, delayed or missing')).action(
    purge,
  );
}

function withName(command: Command): Command {
  return withBrokerOptions(command.argument('<name>', 'e.g. orders', queueName));
}

async function list(options: BrokerOptions): Promise<void> {
  const client = new RestClient(options);
  const queues: Queue[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const path = `/v1/queues?limit=${PAGE_QUEUES}&after=${encodeURIComponent(after)}`;
    const page: Page = await client.call<Page>('GET', path);
    queues.push(...page.queues);
    after = page.next;
  }
  if (options.json) return await printJsonLines(queues);
  await printTable(columnsFor(queues), queues);
}

/** What tells of damage, of delays, or of dead letters that are not taken, has a column only where there is some. The figures of a damaged queue are unknown. */
function columnsFor(queues: readonly Queue[]): readonly Column<Queue>[] {
  const figure = (head: string, of: (queue: Queue) => number | string): Column<Queue> => {
    return { head, kind: 'number', of: (queue) => (queue.damaged ? '?' : String(of(queue))) };
  };
  const columns: Column<Queue>[] = [
    { head: 'NAME', kind: 'text', of: ({ name }) => name },
    figure('DEPTH', ({ depth }) => depth),
    figure('IN FLIGHT', ({ inFlight }) => inFlight),
    figure('CONSUMERS', ({ consumers }) => consumers),
    { head: 'OLDEST', kind: 'text', of: oldestOf },
  ];
  if (queues.some(({ delayed }) => delayed > 0)) columns.push(figure('DELAYED', ({ delayed }) => delayed));
  if (queues.some(({ deadLettersWaiting }) => deadLettersWaiting > 0)) {
    columns.push(figure('UNTAKEN', ({ deadLettersWaiting }) => deadLettersWaiting));
  }
  if (queues.some(({ sentOnWaiting }) => sentOnWaiting > 0)) {
    columns.push(figure('SENT ON', ({ sentOnWaiting }) => sentOnWaiting));
  }
  if (queues.some(({ missing }) => missing > 0)) columns.push(figure('MISSING', ({ missing }) => missing));
  if (queues.some((queue) => stateOf(queue) !== '')) columns.push({ head: 'STATE', kind: 'text', of: stateOf });
  return columns;
}

function stateOf({ damaged, heldUp }: Queue): string {
  if (damaged) return 'damaged';
  return heldUp ? 'held up' : '';
}

function oldestOf({ damaged, depth, inFlight, delayed, oldestAgeSeconds }: Queue): string {
  if (damaged) return '?';
  return depth + inFlight + delayed > 0 ? ageOf(oldestAgeSeconds) : '-';
}

/** The largest unit and the one below it: `2d 4h`, `3m 10s`. */
function ageOf(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0s';
  const shown = parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ');
}

async function create(name: string, options: BrokerOptions): Promise<void> {
  const info = await new RestClient(options).call<Queue>('PUT', pathOf(name));
  if (options.json) await printJsonLines([info]);
}

async function remove(name: string, options: BrokerOptions): Promise<void> {
  const reply = await new RestClient(options).call<DeletedDamaged | undefined>('DELETE', pathOf(name));
  if (!reply) return;
  if (options.json) return await printJsonLines([reply]);
  const { messages, requests } = reply.lost;
  const held = messages === undefined ? 'messages that nobody could count' : `${messages} messages`;
  const asked = requests ? `, and ${requests} requests that were not carried out` : '';
  await print(`${name} was damaged. With it went ${held}${asked}.\n`);
}

async function purge(name: string, options: BrokerOptions): Promise<void> {
  const reply = await new RestClient(options).call<{ readonly purged: number }>('DELETE', `${pathOf(name)}/messages`);
  if (options.json) await printJsonLines([reply]);
  else await print(`${reply.purged} messages were dropped.\n`);
}
