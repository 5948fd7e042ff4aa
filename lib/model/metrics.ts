/** Under this name CloudWatch keeps them; the dimension `service` is the broker, `group` a destination group. */
export const metricNamespace = 'CirrusMQ';

/** What the broker counts and measures, with its unit. Names are those of the metrics in CloudWatch. */
export const metricUnits = {
  /** Messages that came into queues; dead letters that came into theirs, too. */
  sent: 'Count',
  /** Messages that went out to consumers, redeliveries included. */
  delivered: 'Count',
  acknowledged: 'Count',
  /** Messages that went out with `redelivered`. */
  redelivered: 'Count',
  deadLettered: 'Count',
  expired: 'Count',
  /** Non-persistent messages that a crash may have delivered, and bodies that were missing. */
  dropped: 'Count',
  /** Persistent messages whose bodies were missing: they are kept apart, and nobody gets them. */
  missing: 'Count',
  /** How long ago the oldest unconsumed message of a queue came. */
  ageOfOldestMs: 'Milliseconds',
  /** Messages that are ready. Of watched queues alone. */
  depth: 'Count',
  /** From the read of a head to its commit. */
  turnMs: 'Milliseconds',
  /** Commits that were refused because the lease had gone to another master. */
  lostLeases: 'Count',
  /** Leases that were taken from masters that had died. */
  stolenLeases: 'Count',
  /** DynamoDB's, as its replies say: a write whose condition did not hold is not among them. */
  writeUnits: 'Count',
  /** Calls that DynamoDB or API Gateway put off, those that were repeated with success included. */
  throttles: 'Count',
  sweepRan: 'Count',
  /** Shards that the sweep looked at. */
  sweepShards: 'Count',
  /** Due shards that a sweep had no time for: the next one begins with them. */
  sweepLeft: 'Count',
  /** Passwords and tokens that were wrong. */
  loginsRefused: 'Count',
  /** Tables of which a sweep could not read what is due, and shards that it failed at: the next one tries again. */
  sweepFailed: 'Count',
  connects: 'Count',
  disconnects: 'Count',
} as const satisfies Readonly<Record<string, 'Count' | 'Milliseconds'>>;

export type Metric = keyof typeof metricUnits;

/** A count adds up over an invocation; of a gauge each reading counts. */
export function isGauge(metric: Metric): boolean {
  return metric === 'depth' || metricUnits[metric] === 'Milliseconds';
}
