import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { CirrusBroker } from './broker.ts';
import { Observability, type ObservabilityProps } from './observability.ts';
import type { CirrusBrokerProps } from './options.ts';

export type CirrusMqStackProps = CirrusBrokerProps &
  StackProps & {
    /** A dashboard and alarms. Default: none, since each alarm costs. */
    readonly observability?: Omit<ObservabilityProps, 'broker'>;
    /** A topic that its alarms tell. */
    readonly alarmTopicArn?: string;
    /** Whom its alarms write to, once he has confirmed it: a topic is made for that. */
    readonly alarmEmail?: string;
  };

/** A stack with one broker, which tells where it is. */
export class CirrusMqStack extends Stack {
  readonly broker: CirrusBroker;

  constructor(scope: Construct, id: string, props: CirrusMqStackProps = {}) {
    super(scope, id, props);
    this.broker = new CirrusBroker(this, 'Broker', props);
    const { broker } = this;
    if (props.observability) {
      const actions = [
        ...(props.observability.actions ?? []),
        ...this.#alarmTopics(props).map((topic) => new SnsAction(topic)),
      ];
      new Observability(this, 'Observability', { broker, ...props.observability, actions });
    }
    new CfnOutput(this, 'TablePrefix', {
      value: broker.tablePrefix,
      description: 'What the names of the tables begin with',
    });
    new CfnOutput(this, 'Url', { value: broker.url, description: 'REST' });
    new CfnOutput(this, 'WebSocketUrl', { value: broker.webSocketUrl, description: 'STOMP over WebSocket' });
  }

  #alarmTopics({ alarmTopicArn, alarmEmail }: CirrusMqStackProps): ITopic[] {
    const topics: ITopic[] = [];
    if (alarmTopicArn !== undefined) topics.push(Topic.fromTopicArn(this, 'GivenTopic', alarmTopicArn));
    if (alarmEmail !== undefined) {
      const topic = new Topic(this, 'AlarmTopic', { enforceSSL: true });
      topic.addSubscription(new EmailSubscription(alarmEmail));
      topics.push(topic);
    }
    return topics;
  }
}
