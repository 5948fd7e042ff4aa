import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { Metric as Name } from '../lib/model/metrics.ts';
import { type ObservedBroker, ofApi, ofFunctions, own, PERIOD } from './broker-metrics.ts';

const FULL_WIDTH = 24;
const THIRD = 8;

/** One page that answers: is it well, what goes through, what waits, what does it cost. */
export function addDashboard(scope: Construct, broker: ObservedBroker, alarms: readonly Alarm[]): Dashboard {
  const groups = [...broker.tables.shards.keys()];
  const ofGroups = (...names: readonly Name[]) =>
    groups.flatMap((group) => names.map((name) => own(broker, name, { group }).with({ label: `${name} ${group}` })));
  const { gateways, functions, failures } = broker;
  const turns = groups.flatMap((group) =>
    ['p50', 'p99'].map((statistic) =>
      own(broker, 'turnMs', { group }, statistic).with({ label: `${statistic} ${group}` }),
    ),
  );
  const durations = Object.entries(functions).map(([label, one]) =>
    one.function.metricDuration({ statistic: 'p99', period: PERIOD, label }),
  );
  const reads = [...broker.tables.shards].map(([group, table]) =>
    table.metric('ConsumedReadCapacityUnits', { statistic: 'Sum', period: PERIOD, label: `reads ${group}` }),
  );
  return new Dashboard(scope, 'Dashboard', {
    widgets: [
      [new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: FULL_WIDTH })],
      [
        graph('Messages', ofGroups('sent', 'delivered', 'acknowledged')),
        graph('Oldest message, ms', [...ofGroups('ageOfOldestMs'), ...ofWatched(broker, 'ageOfOldestMs')]),
        graph('Messages that need a look', ofGroups('redelivered', 'deadLettered', 'expired', 'dropped', 'missing')),
      ],
      [
        graph('Turns, ms', turns),
        graph('Leases', ofGroups('lostLeases', 'stolenLeases')),
        graph('Sweep', [
          own(broker, 'sweepRan'),
          own(broker, 'sweepShards'),
          own(broker, 'sweepLeft'),
          own(broker, 'sweepFailed'),
        ]),
      ],
      [
        graph('DynamoDB units', [own(broker, 'writeUnits'), ...reads], [own(broker, 'throttles')]),
        graph(
          'Functions',
          ['Invocations', 'Errors', 'Throttles'].map((name) => ofFunctions(broker, name)),
        ),
        graph('Functions, p99 ms', durations),
      ],
      [
        graph('Connections', [own(broker, 'connects'), own(broker, 'disconnects'), own(broker, 'loginsRefused')]),
        graph(
          'WebSocket API',
          ['MessageCount', 'IntegrationError', 'ClientError'].map((name) =>
            ofApi(gateways.webSocketApi, gateways.webSocketStage, name),
          ),
        ),
        graph(
          'HTTP API',
          ['Count', '4xx', '5xx'].map((name) => ofApi(gateways.httpApi, gateways.httpStage, name)),
        ),
      ],
      [
        graph('Failures', [
          failures.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: PERIOD }),
        ]),
        ...(broker.watchedQueues.length > 0 ? [graph('Watched queues, depth', ofWatched(broker, 'depth'))] : []),
      ],
    ],
  });
}

function ofWatched(broker: ObservedBroker, name: Name): IMetric[] {
  return broker.watchedQueues.map((queue) =>
    own(broker, name, { destination: `/queue/${queue}` }).with({ label: queue }),
  );
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): IWidget {
  return new GraphWidget({ title, left, right, width: THIRD });
}
