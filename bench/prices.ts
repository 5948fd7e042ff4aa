/**
 * What AWS charges in us-east-1, on demand, without free tiers, in dollars. Times of invocations are estimates; all else
 * that the tables are made from is counted.
 */
const perWriteUnit = 0.625e-6;
const perReadUnit = 0.125e-6;
/** A WebSocket message of at most 32 KB, either way. */
const perSocketMessage = 1e-6;
/** A request of an HTTP API, of at most 512 KB. */
const perHttpRequest = 1e-6;
/** A WebSocket that is open, a minute. */
const perConnectionMinute = 0.25e-6;
const perInvocation = 0.2e-6;
/** On arm64. */
const perGigabyteSecond = 13.3334e-6;
const perLoggedByte = 0.5e-9;
const perScheduledCall = 1e-6;
const perAlarmMetric = 0.1;
const perMetric = 0.3;
const perDashboard = 3;
const perStoredGigabyte = 0.25;
const perBackedUpGigabyte = 0.2;

/** A frame takes some calls of DynamoDB and API Gateway in a row, of 5 to 15 ms each, at 1,024 MB. */
const frameGigabyteSeconds = 0.05 * 1;
/** A heart-beat does nothing, at 1,024 MB. */
const beatGigabyteSeconds = 0.002 * 1;
/** An invocation of `dispatch` that sleeps, at 512 MB. */
const asleepGigabytes = 0.5;
/** A sweep that finds nothing, at 512 MB. */
const sweepGigabyteSeconds = 0.1 * 0.5;
/** The metrics of an invocation are one line of the log, or two. */
const frameLoggedBytes = 800;
/** A line of the HTTP API's access log. */
const accessLoggedBytes = 350;
const sweepLoggedBytes = 400;
const MINUTES_A_MONTH = 730 * 60;

/** What a message takes on its way, or what a sweep takes. */
export type Taken = {
  readonly writeUnits: number;
  readonly readUnits: number;
  /** WebSocket messages, either way, in units of 32 KB. */
  readonly socketMessages: number;
  readonly httpRequests: number;
  readonly invocations: number;
};

type Bill = {
  readonly dynamodb: number;
  readonly gateway: number;
  readonly lambda: number;
  readonly logs: number;
  readonly total: number;
};

/** What is billed, in dollars. */
type CostRow = readonly [what: string, dollars: number];

/** In dollars for a million. */
export function billOf({ writeUnits, readUnits, socketMessages, httpRequests, invocations }: Taken): Bill {
  const dynamodb = 1e6 * (writeUnits * perWriteUnit + readUnits * perReadUnit);
  const gateway = 1e6 * (socketMessages * perSocketMessage + httpRequests * perHttpRequest);
  const lambda = 1e6 * invocations * (perInvocation + frameGigabyteSeconds * perGigabyteSecond);
  const logs = 1e6 * (invocations * frameLoggedBytes + httpRequests * accessLoggedBytes) * perLoggedByte;
  return { dynamodb, gateway, lambda, logs, total: dynamodb + gateway + lambda + logs };
}

/** What a broker costs that nobody uses, in dollars a month. */
export function idleCosts(sweep: Pick<Taken, 'readUnits'>): readonly CostRow[] {
  const perSweep =
    perInvocation + sweepGigabyteSeconds * perGigabyteSecond + perScheduledCall + sweepLoggedBytes * perLoggedByte;
  return [
    ['the sweep, each minute: schedule, function, log', MINUTES_A_MONTH * perSweep],
    ['its reads, a destination group', MINUTES_A_MONTH * sweep.readUnits * perReadUnit],
    ['its metric', perMetric],
    ['a GB of messages', perStoredGigabyte],
    ['a GB of messages that any second of is kept (PITR)', perBackedUpGigabyte],
  ];
}

/** How often a connection beats, as it is offered. @see cloudLimits */
const BEATS_A_MONTH = MINUTES_A_MONTH / 4;

/** What is billed by the month where a broker is used, watched, or has clients that are quiet. */
export function monthlyCosts(
  beat: Pick<Taken, 'readUnits'>,
  metrics: { readonly ofGroup: number; readonly ofBroker: number },
): readonly CostRow[] {
  const perBeat =
    perSocketMessage + perInvocation + beatGigabyteSeconds * perGigabyteSecond + beat.readUnits * perReadUnit;
  return [
    [`the ${metrics.ofGroup} metrics of a destination group, if all occur`, metrics.ofGroup * perMetric],
    [`the ${metrics.ofBroker} metrics of the broker, if all occur`, metrics.ofBroker * perMetric],
    ['the two metrics of a watched queue', 2 * perMetric],
    ['the dashboard', perDashboard],
    ['the alarms, on 26 metrics', 26 * perAlarmMetric],
    ['the age of a queue with a backlog, read each five minutes', (MINUTES_A_MONTH / 5) * perReadUnit],
    ['1,000 connections that are open', 1000 * MINUTES_A_MONTH * perConnectionMinute],
    ['their heart-beats, each four minutes', 1000 * BEATS_A_MONTH * perBeat],
    [
      'one invocation of dispatch that is always asleep, for the deadline of a message',
      MINUTES_A_MONTH * 60 * asleepGigabytes * perGigabyteSecond,
    ],
  ];
}

/** Rows of cells as a table in Markdown. */
export function markdown([head = [], ...rows]: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
