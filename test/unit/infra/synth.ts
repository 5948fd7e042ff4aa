import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { CirrusBroker } from '../../../infra/broker.ts';
import type { CirrusBrokerProps } from '../../../infra/options.ts';
import { CirrusMqStack } from '../../../infra/stack.ts';

/** The template of a stack with a broker, without its functions' code. */
export function templateOf(props: CirrusBrokerProps = {}): Template {
  return Template.fromStack(new CirrusMqStack(appWithoutCode(), 'Test', props));
}

/**
 * Ends with an error if the AWS Solutions rules find something that is not accepted with a reason.
 * @param change what to do to the broker before it is looked at
 */
export function synthWithChecks(props: CirrusBrokerProps, change: (broker: CirrusBroker) => void = () => {}): void {
  const app = appWithoutCode();
  change(new CirrusMqStack(app, 'Test', props).broker);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  app.synth();
}

function appWithoutCode(): App {
  return new App({ context: { 'aws:cdk:bundling-stacks': [] } });
}
