import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { CirrusBroker } from '../../../infra/broker.ts';
import { CirrusMqStack, type CirrusMqStackProps } from '../../../infra/stack.ts';
import { newApp } from './app.ts';

/** A stack with a key names its region. */
const env = { account: '111111111111', region: 'eu-west-1' };

/** The template of a stack with a broker. */
export function templateOf(props: CirrusMqStackProps = {}): Template {
  return Template.fromStack(new CirrusMqStack(newApp(), 'Test', props));
}

/**
 * Ends with an error if the AWS Solutions rules find something that is not accepted with a reason.
 * @param change what to do to the broker before it is looked at
 */
export function synthWithChecks(props: CirrusMqStackProps, change: (broker: CirrusBroker) => void = () => {}): void {
  const app = newApp();
  change(new CirrusMqStack(app, 'Test', { ...props, env }).broker);
  addChecks(app);
  app.synth();
}

/** A broker whose tables are encrypted with a key of its owner's. */
export function templateWithKey(): Template {
  const app = newApp();
  const stack = new Stack(app, 'Test', { env });
  new CirrusBroker(stack, 'Broker', { encryptionKey: new Key(stack, 'Key', { enableKeyRotation: true }) });
  addChecks(app);
  return Template.fromStack(stack);
}

function addChecks(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
}
