import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  type RecursiveLoop,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { bundleOf, type FunctionName } from './bundle.ts';
import type { CirrusBrokerProps } from './options.ts';

type FunctionOptions = {
  readonly timeout: Duration;
  /** MB; the share of a core goes with it. */
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly description: string;
  readonly recursiveLoop?: RecursiveLoop;
  readonly reservedConcurrentExecutions?: number;
};

/** A stack in the log names the sources. */
export const nodeOptions = '--enable-source-maps';

/**
 * One of the broker's functions, with its own role and log group. By default no concurrency is reserved for any: an account
 * that is new has 10 in all, and what is reserved for one function is taken from all others.
 */
export class BrokerFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, name: FunctionName, props: CirrusBrokerProps, options: FunctionOptions) {
    super(scope, name[0]?.toUpperCase() + name.slice(1));
    const { logLevel = 'INFO' } = props;
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function ${name} may do.`,
    });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [this.logGroup.logGroupArn]);
    this.function = new LambdaFunction(this, 'Function', {
      ...options,
      code: Code.fromAsset(bundleOf(name)),
      handler: 'index.handler',
      environment: { ...options.environment, NODE_OPTIONS: nodeOptions, POWERTOOLS_LOG_LEVEL: logLevel },
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      // The platform would take metrics, which have no level, for INFO: the functions themselves write no more than theirs.
      applicationLogLevelV2: logLevel === 'DEBUG' ? ApplicationLogLevel.DEBUG : ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.WARN,
    });
  }

  allow(actions: readonly string[], resources: readonly string[]): void {
    this.role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
  }
}
