import type { FunctionName } from './bundle.ts';

/** What one function may do, by what its code calls: nothing else is allowed it. */
export type Permissions = {
  /** DynamoDB actions, without their prefix, on every shard table. */
  readonly shards: readonly string[];
  /** The same on the index of what is due. */
  readonly due?: readonly string[];
  /** The same on the directory. */
  readonly directory: readonly string[];
  /** Methods of the WebSocket API's `@connections`. */
  readonly connections: readonly ('GET' | 'POST' | 'DELETE')[];
  /** Whether it hands shards over to `dispatch`. */
  readonly dispatches: boolean;
};

/** Whoever may become a shard's master: reads and writes heads, bodies, pages and wake-ups; pushes, and asks who is there. */
const master = {
  shards: ['GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem'],
  // What is dead-lettered may be the first message of its queue, which is then recorded, with its home. Where a shard
  // lives is asked for. The audience of a topic is listed, and who is gone is taken out of it.
  directory: ['GetItem', 'PutItem', 'Query', 'DeleteItem'],
  // A subscriber to a topic that is too slow is closed.
  connections: ['GET', 'POST', 'DELETE'],
  dispatches: true,
} as const satisfies Permissions;

/** What DynamoDB does with a key of yours in the name of who asks. @see DynamoDB: encryption at rest, usage notes */
export const keyActions = [
  'kms:Encrypt',
  'kms:Decrypt',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:DescribeKey',
] as const;

export const permissions: Readonly<Record<FunctionName, Permissions>> = {
  // Who connects is a user of the directory, or shows a token.
  connect: { shards: [], directory: ['GetItem', 'PutItem'], connections: [], dispatches: false },
  frame: master,
  disconnect: master,
  rest: { ...master, shards: [...master.shards, 'DeleteItem'] },
  dispatch: master,
  sweep: {
    ...master,
    shards: [...master.shards, 'DeleteItem'],
    due: ['Query', 'Scan'],
  },
};
