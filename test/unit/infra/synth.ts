import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { CirrusBroker } from '../../../infra/broker.ts';
import type { CirrusBrokerProps } from '../../../infra/options.ts';
import { CirrusMqStack, type CirrusMqStackProps } from '../../../infra/stack.ts';
import { newApp } from './app.ts';

/** A stack with a key names its region. */
const env = { account: '111111111111', region: 'eu-west-1' };

/** The template of a stack with a broker, without its functions' code. */
export function templateOf(props: CirrusMqStackProps = {}): Template {
  return Template.fromStack(new CirrusMqStack(appWithoutCode(), 'Test', props));
}

/**
 * Ends with an error if the AWS Solutions rules find something that is not accepted with a reason.
 * @param change what to do to the broker before it is looked at
 */
export function synthWithChecks(props: CirrusBrokerProps, change: (broker: CirrusBroker) => void = () => {}): void {
  const app = appWithoutCode();
  change(new CirrusMqStack(app, 'Test', { ...props, env }).broker);
  addChecks(app);
  app.synth();
}

/** A broker whose tables are encrypted with a key of its owner's. */
export function templateWithKey(): Template {
  const app = appWithoutCode();
  const stack = new Stack(app, 'Test', { env });
  new CirrusBroker(stack, 'Broker', { encryptionKey: new Key(stack, 'Key', { enableKeyRotation: true }) });
  addChecks(app);
  return Template.fromStack(stack);
}

function addChecks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
}

function appWithoutCode(): App {
  return newApp({ context: { 'aws:cdk:bundling-stacks': [] } });
}
