import { ofBodies } from './bodies.ts';
import { ofDeliveries } from './deliveries.ts';
import { ofEntries } from './entries.ts';
import { ofMastership } from './mastership.ts';
import type { Mutation } from './mutation.ts';
import { ofQueues } from './queues.ts';
import { ofTopics } from './topics.ts';

export const mutations: readonly Mutation[] = [
  ...ofMastership,
  ...ofEntries,
  ...ofDeliveries,
  ...ofBodies,
  ...ofQueues,
  ...ofTopics,
];
