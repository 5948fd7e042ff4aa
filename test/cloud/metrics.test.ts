import {
  CloudWatchLogsClient,
  paginateDescribeLogGroups,
  paginateFilterLogEvents,
} from '@aws-sdk/client-cloudwatch-logs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, expect, it } from 'vitest';
import { CirrusMqStack } from '../../infra/stack.ts';
import { basic } from '../access-subject.ts';
import { describeDeployed, receive, rest, sendByRest } from './deployed.ts';
import { openProps } from './props.ts';

/** A metric with its dimensions, but which broker's it is: that comes with its deployment. */
type Named = { readonly name: string; readonly of: string };

function named(name: string, dimensions: Readonly<Record<string, unknown>>): Named {
  const shown = Object.entries(dimensions).map(([key, value]) => (key === 'service' ? key : `${key} ${value}`));
  return { name, of: shown.toSorted().join() };
}

/** Whether it is measured at all is up to what goes wrong; these need a fault that no test here makes. */
const needsFault = ['throttles', 'lostLeases', 'sweepLeft'];

/** What alarms of such a broker look at, of what the broker measures itself. */
function alarmed(): readonly Named[] {
  const stack = new CirrusMqStack(new App(), 'Observed', { ...openProps, observability: {} });
  const alarms = Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm');
  const all = Object.values(alarms).flatMap(({ Properties }) =>
    Properties.Namespace === 'CirrusMQ'
      ? [
          named(
            Properties.MetricName,
            Object.fromEntries((Properties.Dimensions as Dimension[]).map(({ Name, Value }) => [Name, Value])),
          ),
        ]
      : [],
  );
  return all.filter(({ name }) => !needsFault.includes(name));
}

type Dimension = { readonly Name: string; readonly Value: unknown };
type Line = { readonly _aws?: { readonly CloudWatchMetrics: readonly Directive[] } };
type Directive = {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string }[];
};

function metricsIn(message: string): readonly Named[] {
  if (!message.startsWith('{')) return [];
  const line = JSON.parse(message) as Line;
  return (line._aws?.CloudWatchMetrics ?? []).flatMap(({ Dimensions, Metrics }) =>
    Dimensions.flatMap((names) => {
      const dimensions = Object.fromEntries(names.map((name) => [name, line[name as keyof Line]]));
      return Metrics.map(({ Name }) => named(Name, dimensions));
    }),
  );
}

const logs = new CloudWatchLogsClient({});
afterAll(() => logs.destroy());

async function measured(): Promise<readonly Named[]> {
  const found: Named[] = [];
  for await (const { logGroups = [] } of paginateDescribeLogGroups({ client: logs }, {})) {
    for (const { logGroupName } of logGroups) {
      for await (const { events = [] } of paginateFilterLogEvents({ client: logs }, { logGroupName })) {
        found.push(...events.flatMap(({ message = '' }) => metricsIn(message)));
      }
    }
  }
  return found;
}

describeDeployed('the log of the functions', () => {
  it('has every metric that an alarm looks at, under the alarm’s dimensions', async () => {
    await sendByRest('watched', 'waits');
    // The emulator logs nothing of what WebSockets make functions do.
    for (const queue of ['refused', 'orders.refused']) {
      await sendByRest(queue, 'nobody takes it');
      for (let [message] = await receive(queue, 10); message; [message] = await receive(queue)) {
        await rest('POST', '/v1/deliveries/reject', { tokens: [message.token] });
      }
      expect(await receive(`DLQ.${queue}`, 10)).toHaveLength(1);
    }
    const refused = await fetch(`${process.env.CLOSED_URL}/v1/queues`, {
      headers: { authorization: basic('admin', 'a wrong guess') },
    });
    expect(refused.status).toBe(401);
    const wanted = alarmed();
    expect(wanted.length).toBeGreaterThan(5);
    await expect.poll(measured, { timeout: 150_000, interval: 5_000 }).toEqual(expect.arrayContaining([...wanted]));
  });
});
