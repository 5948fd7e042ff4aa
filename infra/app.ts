import { App } from 'aws-cdk-lib';
import { BrokerError } from '../lib/model/errors.ts';
import { propsOf } from './context.ts';
import { CirrusMqStack } from './stack.ts';

const app = new App();
try {
  const description = 'CirrusMQ, the message broker with nothing running';
  new CirrusMqStack(app, 'CirrusMQ', { description, ...propsOf(app.node.getAllContext()) });
} catch (error) {
  if (!(error instanceof BrokerError)) throw error;
  process.stderr.write(`cirrusmq: ${error.message}\n`);
  process.exit(1);
}
