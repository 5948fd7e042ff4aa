import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { CirrusBrokerProps } from '../../../infra/options.ts';
import { CirrusMqStack } from '../../../infra/stack.ts';

/** The template of a stack with a broker, without its functions' code. */
export function templateOf(props: CirrusBrokerProps = {}): Template {
  return Template.fromStack(new CirrusMqStack(appWithoutCode(), 'Test', props));
}

/** Ends with an error if the AWS Solutions rules find something that is not accepted with a reason. */
export function synthWithChecks(props: CirrusBrokerProps = {}): void {
  const app = appWithoutCode();
  new CirrusMqStack(app, 'Test', props);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  app.synth();
}

function appWithoutCode(): App {
  return new App({ context: { 'aws:cdk:bundling-stacks': [] } });
}
