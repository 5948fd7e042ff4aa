import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { shardOf } from '../lib/broker/shards.ts';
import type { EnvironmentParts } from '../lib/handlers/environment.ts';
import { metricNamespace } from '../lib/model/metrics.ts';
import type { Consumption } from '../lib/store/dynamodb/consumption.ts';
import { cloudLogs } from './logs.ts';
import { CloudMeter } from './meter.ts';

type Observed = {
  /** Tells this broker's lines and metrics from another's. */
  readonly service: string;
  readonly groupOf: (shard: string) => string;
  /** Queues, by name, that have metrics of their own. */
  readonly watched: readonly string[];
};

type Observation = Required<Pick<EnvironmentParts, 'log' | 'audit' | 'trace' | 'meter' | 'invocations' | 'watched'>> & {
  readonly consumption: Consumption;
  readonly onThrottled: () => void;
};

/** What is written of the broker's work in CloudWatch: its log, and its metrics at the end of each invocation. */
export function observe({ service: serviceName, groupOf, watched }: Observed): Observation {
  const { log, audit, trace, invocations } = cloudLogs(new Logger({ serviceName }), process.env.POWERTOOLS_LOG_LEVEL);
  const metrics = new Metrics({ namespace: metricNamespace, serviceName });
  const cloudMeter = new CloudMeter(metrics, { groupOf, watched: watched.map(shardOf) });
  const { meter } = cloudMeter;
  return {
    log,
    audit,
    trace,
    meter,
    watched,
    invocations: {
      begin: invocations.begin,
      end() {
        cloudMeter.flush();
        invocations.end();
      },
    },
    consumption: {
      // Reads are the cheap part, and in DynamoDB's own metrics at no cost.
      consumed: (kind, units) => {
        if (kind === 'write') meter('writeUnits', units);
      },
      throttled: () => meter('throttles', 1),
    },
    onThrottled: () => meter('throttles', 1),
  };
}
