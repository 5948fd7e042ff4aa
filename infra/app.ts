import { App } from 'aws-cdk-lib';
import { CirrusMqStack } from './stack.ts';

const app = new App();
new CirrusMqStack(app, 'CirrusMQ', { description: 'CirrusMQ, the message broker with nothing running' });
