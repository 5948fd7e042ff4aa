import { ofBodies } from './bodies.ts';
import { ofDeliveries } from './deliveries.ts';
import { ofEntries } from './entries.ts';
import { ofForwards } from './forwards.ts';
import { ofFrames } from './frames.ts';
import { ofMastership } from './mastership.ts';
import type { Mutation } from './mutation.ts';
import { ofOctets } from './octets.ts';
import { ofPulls } from './pulls.ts';
import { ofQueues } from './queues.ts';
import { ofRejections } from './rejections.ts';
import { ofTopics } from './topics.ts';
import { ofTransactions } from './transactions.ts';

export const mutations: readonly Mutation[] = [
  ...ofMastership,
  ...ofEntries,
  ...ofDeliveries,
  ...ofForwards,
  ...ofBodies,
  ...ofQueues,
  ...ofTopics,
  ...ofFrames,
  ...ofOctets,
  ...ofPulls,
  ...ofTransactions,
  ...ofRejections,
];
