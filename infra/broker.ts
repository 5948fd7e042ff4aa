import { Duration, Names, Stack } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { withLimits } from '../lib/model/limit-rules.ts';
import { cloudLimits } from '../lib/model/limits.ts';
import { dueIndex, tableNames } from '../lib/store/dynamodb/tables.ts';
import { accept, acceptWildcard } from './accepted.ts';
import type { BrokerFunction } from './broker-function.ts';
import { type BrokerFunctions, brokerFunctions } from './functions.ts';
import { Gateways } from './gateways.ts';
import type { CirrusBrokerProps } from './options.ts';
import { keyActions, type Permissions, permissions } from './permissions.ts';
import { BrokerTables } from './tables.ts';

const PREFIX_LENGTH = 64;

/** A whole broker: tables, functions and the two APIs. Nothing of it runs, or bills, while nobody uses it. */
export class CirrusBroker extends Construct {
  /** The beginning of the names of all tables. */
  readonly tablePrefix: string;
  /** Queues that have metrics of their own. */
  readonly watchedQueues: readonly string[];
  readonly tables: BrokerTables;
  readonly gateways: Gateways;
  readonly functions: BrokerFunctions;
  /** What `dispatch` and `sweep` failed at. It is for people to look at: the next sweep does the work again. */
  readonly failures: Queue;
  /** REST, e.g. `https://….execute-api.eu-west-1.amazonaws.com`. */
  readonly url: string;
  /** STOMP over WebSocket, e.g. `wss://….execute-api.eu-west-1.amazonaws.com/live`. */
  readonly webSocketUrl: string;

  /** @throws BrokerError for destination groups and limits that are not valid */
  constructor(scope: Construct, id: string, props: CirrusBrokerProps = {}) {
    super(scope, id);
    this.tablePrefix =
      props.tablePrefix ?? Names.uniqueResourceName(this, { maxLength: PREFIX_LENGTH, separator: '-' });
    this.watchedQueues = props.watchedQueues ?? [];
    this.tables = new BrokerTables(this, 'Tables', this.tablePrefix, props);
    this.gateways = new Gateways(this, 'Gateways', this.tablePrefix, props);
    this.functions = brokerFunctions(this, props, { ...this.#environment(props), ...this.#accessEnvironment(props) });
    for (const [name, one] of Object.entries(this.functions) as [keyof BrokerFunctions, BrokerFunction][]) {
      this.#permit(one, permissions[name], props);
    }
    this.gateways.route(this.functions);
    this.failures = this.#failureQueue();
    this.#sweepEachMinute();
    this.#invokeAsynchronously();
    this.url = this.gateways.httpApi.apiEndpoint;
    this.webSocketUrl = this.gateways.webSocketStage.url;
  }

  #accessEnvironment({ access = 'closed', credentialsAtUpgrade, jwt }: CirrusBrokerProps): Record<string, string> {
    return {
      TABLE_PREFIX: this.tablePrefix,
      ACCESS: access,
      ...(credentialsAtUpgrade && { CREDENTIALS_AT_UPGRADE: 'true' }),
      ...(jwt && { JWT_ISSUER: jwt.issuer, JWT_AUDIENCE: jwt.audience }),
      ...(jwt?.jwksUri && { JWT_JWKS_URI: jwt.jwksUri }),
      ...(jwt?.claim && { JWT_CLAIM: jwt.claim }),
    };
  }

  #environment({ destinationGroups, limits, messageRetention }: CirrusBrokerProps) {
    const groups = (destinationGroups ?? []).map(({ name, destinations }) => ({ name, destinations }));
    withLimits(cloudLimits, limits);
    const changed = { ...limits, ...(messageRetention && { retentionMs: messageRetention.toMilliseconds() }) };
    withLimits(cloudLimits, changed);
    return {
      CONNECTIONS_ENDPOINT: this.gateways.webSocketStage.callbackUrl,
      ...(this.watchedQueues.length > 0 && { WATCHED_QUEUES: this.watchedQueues.join(',') }),
      ...(groups.length > 0 && { DESTINATION_GROUPS: JSON.stringify(groups) }),
      ...(Object.keys(changed).length > 0 && { LIMITS: JSON.stringify(changed) }),
    };
  }

  #permit(
    one: BrokerFunction,
    granted: Permissions,
    { encryptionKey, destinationGroups = [] }: CirrusBrokerProps,
  ): void {
    // Those of groups that were removed as well, as long as they are there: what lives in them goes on.
    const resourceName = tableNames(this.tablePrefix, '*').shards;
    const shardTables = [Stack.of(this).formatArn({ service: 'dynamodb', resource: 'table', resourceName })];
    const onTable = (actions: readonly string[], arns: readonly string[]) => {
      if (actions.length > 0)
        one.allow(
          actions.map((action) => `dynamodb:${action}`),
          arns,
        );
    };
    const indexes = shardTables.map((arn) => `${arn}/index/${dueIndex.name}`);
    onTable(granted.shards, shardTables);
    onTable(granted.due ?? [], indexes);
    for (const arn of [...(granted.shards.length > 0 ? shardTables : []), ...(granted.due ? indexes : [])]) {
      acceptWildcard(one.role, arn, 'The shard tables of this one broker, those of groups that were removed as well.');
    }
    onTable(granted.directory, [this.tables.directory.tableArn]);
    if (granted.directory.length > 0) {
      const keys = new Set([encryptionKey, ...destinationGroups.map((group) => group.encryptionKey)]);
      for (const key of keys) key?.grant(one.role, ...keyActions);
    }
    const connections = granted.connections.map((method) => this.#connections(method));
    if (connections.length > 0) one.allow(['execute-api:ManageConnections'], connections);
    for (const connection of connections) {
      acceptWildcard(one.role, connection, 'Any connection of this one stage, whose ids API Gateway makes.');
    }
    if (granted.dispatches) this.#letDispatch(one);
  }

  #connections(method: string): string {
    const { webSocketApi, webSocketStage } = this.gateways;
    const resourceName = `${webSocketStage.stageName}/${method}/@connections/*`;
    return Stack.of(this).formatArn({ service: 'execute-api', resource: webSocketApi.apiId, resourceName });
  }

  /** In a policy of its own: a role whose default policy named its own function could not be created before it. */
  #letDispatch(one: BrokerFunction): void {
    const resources = [this.functions.dispatch.function.functionArn];
    new Policy(one, 'Dispatch', {
      roles: [one.role],
      statements: [new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources })],
    });
  }

  #failureQueue(): Queue {
    const queue = new Queue(this, 'Failures', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    accept(queue, 'SQS3', 'It is a dead-letter queue itself.');
    return queue;
  }

  #sweepEachMinute(): void {
    const sweep = this.functions.sweep.function;
    const role = new Role(this, 'Scheduler', { assumedBy: new ServicePrincipal('scheduler.amazonaws.com') });
    acceptWildcard(role, `${sweep.functionArn}:*`, 'Any version of this one function.');
    const target = new LambdaInvoke(sweep, {
      role,
      deadLetterQueue: this.failures,
      // The next minute's sweep does it all.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    new Schedule(this, 'EachMinute', { schedule: ScheduleExpression.rate(Duration.minutes(1)), target });
  }

  /**
   * An invocation that failed is not repeated: the lease that it was given is over by then, and the sweep goes on with
   * the shard. One that waits for a free environment is given up when the sweep has been there.
   */
  #invokeAsynchronously(): void {
    for (const { function: handler } of [this.functions.dispatch, this.functions.sweep]) {
      handler.configureAsyncInvoke({
        onFailure: new SqsDestination(this.failures),
        retryAttempts: 0,
        maxEventAge: Duration.minutes(1),
      });
    }
  }
}
