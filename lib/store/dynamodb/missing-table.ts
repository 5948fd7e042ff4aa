import { type DynamoDBClient, ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { BrokerError } from '../../model/errors.ts';

/** Lets calls on a table that is not there fail with its name: DynamoDB does not say it. */
export function nameMissingTables(client: DynamoDBClient, tablePrefix: string): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        try {
          return await next(args);
        } catch (cause) {
          // Who asks whether a table is there is answered.
          if (!(cause instanceof ResourceNotFoundException) || commandName === 'DescribeTableCommand') throw cause;
          const table = tableIn(args.input) ?? `of the prefix ${tablePrefix}`;
          throw new BrokerError(
            'INTERNAL',
            `There is no DynamoDB table ${table}. Is the prefix "${tablePrefix}" the broker's, and the Region?`,
            { cause, details: { missingTable: table } },
          );
        }
      },
    { step: 'initialize', name: 'missingTable' },
  );
}

/** Which groups are configured, and the table of each. */
type Tables = {
  readonly groups: readonly { readonly name: string }[];
  readonly tableOf: (group: string) => string;
};

/** Whether a call failed because the group's table is not there: nothing is in it. */
export function isTableMissing({ tableOf }: Tables, group: string, error: unknown): boolean {
  return error instanceof BrokerError && error.details.missingTable === tableOf(group);
}

/** The same of a group that is configured no more, so that nothing is to be put there either. */
export function isGroupGone(db: Tables, group: string, error: unknown): boolean {
  return isTableMissing(db, group, error) && !db.groups.some(({ name }) => name === group);
}

function tableIn(input: object): string | undefined {
  const { TableName, RequestItems } = input as { TableName?: string; RequestItems?: object };
  return TableName ?? Object.keys(RequestItems ?? {})[0];
}
