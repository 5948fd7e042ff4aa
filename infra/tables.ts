import { Annotations, RemovalPolicy } from 'aws-cdk-lib';
import {
  type Attribute,
  AttributeType,
  Billing,
  ProjectionType,
  TableEncryptionV2,
  type TablePropsV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { DEFAULT_GROUP, groupDestinations } from '../lib/model/groups.ts';
import { dueIndex, tableKey, tableNames } from '../lib/store/dynamodb/tables.ts';
import type { CirrusBrokerProps, TableOptions } from './options.ts';

const types = { S: AttributeType.STRING, N: AttributeType.NUMBER };

/** The broker's tables: one for the shards of each destination group, and the directory. */
export class BrokerTables extends Construct {
  /** By destination group. */
  readonly shards: ReadonlyMap<string, TableV2>;
  readonly directory: TableV2;

  /** @throws BrokerError for destination groups that are not valid */
  constructor(scope: Construct, id: string, tablePrefix: string, props: CirrusBrokerProps) {
    super(scope, id);
    const groups = props.destinationGroups ?? [];
    const { removalPolicy } = props;
    if (removalPolicy === RemovalPolicy.DESTROY && groups.length > 0) {
      Annotations.of(this).addWarningV2(
        'cirrusmq:groups-destroyed',
        'A destination group that is removed loses its table, with the messages in it, since removalPolicy is DESTROY. ' +
          'Let it have no destinations ([]) until "cirrusmq groups" shows that nothing lives in it.',
      );
    }
    this.shards = new Map(
      groupDestinations(groups).names.map((name) => {
        const options = { removalPolicy, ...props, ...groups.find((group) => group.name === name) };
        const table = new TableV2(this, `Shards-${name}`, {
          ...tableProps(options, removalPolicy),
          tableName: tableNames(tablePrefix, name).shards,
          globalSecondaryIndexes: [
            {
              indexName: dueIndex.name,
              partitionKey: attribute(dueIndex.partitionKey),
              sortKey: attribute(dueIndex.sortKey),
              projectionType: ProjectionType[dueIndex.projection],
            },
          ],
        });
        return [name, table];
      }),
    );
    this.directory = new TableV2(this, 'Directory', {
      ...tableProps(props, removalPolicy),
      tableName: tableNames(tablePrefix, DEFAULT_GROUP).directory,
    });
  }
}

function tableProps(
  { billing, pointInTimeRecovery = true, encryptionKey, warmThroughput, deletionProtection = false }: TableOptions,
  removalPolicy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
): TablePropsV2 {
  return {
    partitionKey: attribute(tableKey.partitionKey),
    sortKey: attribute(tableKey.sortKey),
    timeToLiveAttribute: tableKey.ttlAttribute,
    billing: billing ?? Billing.onDemand(),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: pointInTimeRecovery },
    encryption: encryptionKey
      ? TableEncryptionV2.customerManagedKey(encryptionKey)
      : TableEncryptionV2.dynamoOwnedKey(),
    deletionProtection,
    removalPolicy,
    ...(warmThroughput && { warmThroughput }),
  };
}

function attribute({ name, type }: { readonly name: string; readonly type: 'S' | 'N' }): Attribute {
  return { name, type: types[type] };
}
