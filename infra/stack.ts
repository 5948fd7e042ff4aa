import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CirrusBroker } from './broker.ts';
import type { CirrusBrokerProps } from './options.ts';

/** A stack with one broker, which tells where it is. */
export class CirrusMqStack extends Stack {
  readonly broker: CirrusBroker;

  constructor(scope: Construct, id: string, props: CirrusBrokerProps & StackProps = {}) {
    super(scope, id, props);
    this.broker = new CirrusBroker(this, 'Broker', props);
    new CfnOutput(this, 'Url', { value: this.broker.url, description: 'REST' });
    new CfnOutput(this, 'WebSocketUrl', { value: this.broker.webSocketUrl, description: 'STOMP over WebSocket' });
  }
}
