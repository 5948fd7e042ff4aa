import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  LoggingFormat,
  type RecursiveLoop,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { CirrusBrokerProps } from './options.ts';

/** The functions, named as their files in `functions/`. */
export const functionNames = ['authorize', 'connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'] as const;
export type FunctionName = (typeof functionNames)[number];

type FunctionOptions = {
  readonly timeout: Duration;
  /** MB; the share of a core goes with it. */
  readonly memorySize: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly description: string;
  readonly recursiveLoop?: RecursiveLoop;
};

/** How a function's code becomes one file. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  mainFields: ['module', 'main'] as string[],
  // The SDK that Lambda brings along changes by itself, and a bundle starts faster than the many files of it.
  externalModules: [] as string[],
  minify: true,
  keepNames: true,
  logLevel: LogLevel.WARNING,
  // What an ESM bundle lacks that packages written for CommonJS ask for.
  banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
} satisfies BundlingOptions;

/** Where a function's code is, beside this file's folder: in TypeScript, or built. */
export function entryOf(name: FunctionName): string {
  return fileURLToPath(new URL(`../functions/${name}${extname(import.meta.url)}`, import.meta.url));
}

/**
 * One of the broker's functions, with its own role and log group. No concurrency is reserved for any: an account that is
 * new has 10 in all, and what is reserved for one function is taken from all others.
 */
export class BrokerFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, name: FunctionName, props: CirrusBrokerProps, options: FunctionOptions) {
    super(scope, name[0]?.toUpperCase() + name.slice(1));
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the function ${name} may do.`,
    });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [this.logGroup.logGroupArn]);
    this.function = new NodejsFunction(this, 'Function', {
      ...options,
      entry: entryOf(name),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel[props.logLevel ?? 'INFO'],
      systemLogLevelV2: SystemLogLevel.WARN,
      bundling,
    });
  }

  allow(actions: readonly string[], resources: readonly string[]): void {
    this.role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
  }
}
