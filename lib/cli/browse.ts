import type { Command } from 'commander';
import type { BrowsedMessage } from '../rest/message-schema.ts';
import { type BrokerOptions, queueName, wholeNumber, withBrokerOptions } from './options.ts';
import { printBodies, printJsonLines } from './output.ts';
import { pathOf, RestClient } from './rest-client.ts';

type BrowseOptions = BrokerOptions & { readonly limit: number };
type Page = { readonly messages: readonly BrowsedMessage[]; readonly next?: number };

const LIMIT = 100;
const PAGE_MESSAGES = 1000;

/** Adds `cirrusmq browse`. */
export function addBrowse(program: Command): void {
  const command = program
    .command('browse')
    .summary('print the messages of a queue without taking them')
    .description('Prints the bodies of messages that are not consumed yet, in their order, a line end after each.')
    .argument('<queue>', 'e.g. orders', queueName)
    .option('--limit <n>', 'the most messages to print', wholeNumber(1, Number.MAX_SAFE_INTEGER), LIMIT);
  withBrokerOptions(command).action(browse);
}

async function browse(queue: string, options: BrowseOptions): Promise<void> {
  const { json, limit } = options;
  const client = new RestClient(options);
  let shown = 0;
  for (let after: number | undefined = 0; after !== undefined && shown < limit; ) {
    const wanted = Math.min(limit - shown, PAGE_MESSAGES);
    const path = `${pathOf(queue)}/messages?limit=${wanted}&after=${after}`;
    const page: Page = await client.call<Page>('GET', path);
    await (json ? printJsonLines(page.messages) : printBodies(page.messages, true));
    shown += page.messages.length;
    after = page.next;
  }
}
