import type { Metrics } from '@aws-lambda-powertools/metrics';
import type { Meter } from '../lib/broker/broker.ts';
import { isGauge, type Metric, metricUnits } from '../lib/model/metrics.ts';

type MeterOptions = {
  /** The destination group of a shard. */
  readonly groupOf: (shard: string) => string;
  /** Shards that have metrics of their own: each costs some cents a month. */
  readonly watched: readonly string[];
};

/** Whose a metric is, as dimensions of CloudWatch besides the service. */
type Owner = { readonly group?: string; readonly destination?: string };

/**
 * Gathers what an invocation measures, and writes it at its end: one line for each destination group and watched
 * destination that it had to do with. A line is a log event in CloudWatch's embedded metric format: no call is made.
 */
export class CloudMeter {
  readonly #metrics: Metrics;
  readonly #groupOf: MeterOptions['groupOf'];
  readonly #watched: ReadonlySet<string>;
  readonly #gathered = new Map<string, { readonly owner: Owner; readonly values: Map<Metric, number> }>();

  /** @param metrics with a namespace and a service name; its own store is used at the end of invocations alone */
  constructor(metrics: Metrics, { groupOf, watched }: MeterOptions) {
    this.#metrics = metrics;
    this.#groupOf = groupOf;
    this.#watched = new Set(watched);
  }

  readonly meter: Meter = (metric, value, shard) => {
    if (shard === undefined) return this.#gather({}, metric, value);
    // A depth is of one queue; in a group the sum or the largest of some would tell nothing.
    if (metric !== 'depth') this.#gather({ group: this.#groupOf(shard) }, metric, value);
    if (isGauge(metric) && this.#watched.has(shard)) this.#gather({ destination: shard }, metric, value);
  };

  /** Counts add up; of a gauge's readings the largest is kept. */
  #gather(owner: Owner, metric: Metric, value: number): void {
    const key = JSON.stringify(owner);
    const { values } = this.#gathered.get(key) ?? { values: new Map<Metric, number>() };
    this.#gathered.set(key, { owner, values });
    const before = values.get(metric) ?? 0;
    values.set(metric, isGauge(metric) ? Math.max(before, value) : before + value);
  }

  flush(): void {
    for (const { owner, values } of this.#gathered.values()) {
      for (const [name, dimension] of Object.entries(owner)) this.#metrics.addDimension(name, dimension);
      for (const [metric, value] of values) this.#metrics.addMetric(metric, metricUnits[metric], value);
      this.#metrics.publishStoredMetrics();
    }
    this.#gathered.clear();
  }
}
