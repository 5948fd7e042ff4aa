import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CirrusBroker } from './broker.ts';
import { Observability, type ObservabilityProps } from './observability.ts';
import type { CirrusBrokerProps } from './options.ts';

export type CirrusMqStackProps = CirrusBrokerProps &
  StackProps & {
    /** A dashboard and alarms. Default: none, since each alarm costs. */
    readonly observability?: Omit<ObservabilityProps, 'broker'>;
  };

/** A stack with one broker, which tells where it is. */
export class CirrusMqStack extends Stack {
  readonly broker: CirrusBroker;

  constructor(scope: Construct, id: string, props: CirrusMqStackProps = {}) {
    super(scope, id, props);
    this.broker = new CirrusBroker(this, 'Broker', props);
    const { broker } = this;
    if (props.observability) new Observability(this, 'Observability', { broker, ...props.observability });
    new CfnOutput(this, 'TablePrefix', {
      value: broker.tablePrefix,
      description: 'What the names of the tables begin with',
    });
    new CfnOutput(this, 'Url', { value: broker.url, description: 'REST' });
    new CfnOutput(this, 'WebSocketUrl', { value: broker.webSocketUrl, description: 'STOMP over WebSocket' });
  }
}
