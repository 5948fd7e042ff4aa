import { Duration } from 'aws-cdk-lib';
import type { Alarm, Dashboard, IAlarmAction } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { addAlarms, type Thresholds } from './alarms.ts';
import type { ObservedBroker } from './broker-metrics.ts';
import { addDashboard } from './dashboard.ts';

export type ObservabilityProps = Partial<Thresholds> & {
  readonly broker: ObservedBroker;
  /** What an alarm does, as `new SnsAction(topic)`. Default: it only shows. */
  readonly actions?: readonly IAlarmAction[];
};

/** A broker's dashboard and alarms, for the metrics that its functions write and those of what it is built from. */
export class Observability extends Construct {
  readonly dashboard: Dashboard;
  readonly alarms: readonly Alarm[];

  constructor(scope: Construct, id: string, { broker, actions = [], ...thresholds }: ObservabilityProps) {
    super(scope, id);
    this.alarms = addAlarms(this, broker, {
      oldestAge: Duration.minutes(15),
      lostLeases: 10,
      loginsRefused: 50,
      ...thresholds,
    });
    for (const alarm of this.alarms) alarm.addAlarmAction(...actions);
    this.dashboard = addDashboard(this, broker, this.alarms);
  }
}
