import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningBroker } from '../../lib/server/options.ts';
import { startBroker } from '../../lib/server/start-broker.ts';
import { tableNames } from '../../lib/store/dynamodb/tables.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { type Throttle, throttleBefore } from '../throttle.ts';

/** Windows of one kind and the other take turns, so that whatever else slows the machine slows both. */
const WINDOWS = 6;
const ROUNDS = 40;

type Window = { readonly times: number[]; failures: number };

describe.skipIf(!dynamoAvailable())(dynamoTitle('destination groups'), () => {
  let engine: DynamoEngine;
  let throttle: Throttle;
  let broker: RunningBroker;
  beforeAll(async () => {
    engine = await startDynamo();
    throttle = await throttleBefore(engine.endpoint);
    const groups = [
      { name: 'busy', destinations: ['/queue/busy.>'] },
      { name: 'calm', destinations: ['/queue/calm.>'] },
    ];
    broker = await startBroker({
      port: 0,
      dynamodb: { tablePrefix: 'groups', endpoint: throttle.endpoint, groups },
      // A throttled request gives up in the window that it began in.
      limits: { retryMs: 500 },
    });
  });
  afterAll(async () => {
    throttle.throttle(undefined);
    await broker.close();
    throttle.close();
    await engine.stop();
  });

  async function post(path: string, body: unknown): Promise<{ readonly messages?: readonly { token: string }[] }> {
    const response = await fetch(`${broker.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return (await response.json()) as { messages?: readonly { token: string }[] };
  }

  /** Sends one message, receives it and acknowledges it. */
  async function roundTrip(queue: string): Promise<void> {
    await post(`queues/${queue}/messages`, { body: 'x'.repeat(1000) });
    const { messages = [] } = await post(`queues/${queue}/receive`, { max: 1, waitSeconds: 5 });
    await post('deliveries/acknowledge', { tokens: messages.map(({ token }) => token) });
  }

  async function load(queue: string, window: Window, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const begun = performance.now();
      try {
        await roundTrip(queue);
        window.times.push(performance.now() - begun);
      } catch {
        window.failures++;
      }
    }
  }

  it('do not feel that the table of another is throttled', async () => {
    const quiet = { calm: { times: [], failures: 0 } as Window, busy: { times: [], failures: 0 } as Window };
    const throttled = { calm: { times: [], failures: 0 } as Window, busy: { times: [], failures: 0 } as Window };
    await Promise.all([roundTrip('calm.a'), roundTrip('busy.a')]);
    for (let at = 0; at < WINDOWS; at++) {
      const isThrottled = at % 2 === 1;
      throttle.throttle(isThrottled ? tableNames('groups', 'busy').shards : undefined);
      const window = isThrottled ? throttled : quiet;
      const enough = window.calm.times.length + ROUNDS;
      const isOver = () => window.calm.times.length >= enough || window.calm.failures > 0;
      await Promise.all([load('calm.a', window.calm, isOver), load('busy.a', window.busy, isOver)]);
    }
    print('without throttling', quiet.calm);
    print('while the other group is throttled', throttled.calm);
    process.stdout.write(
      `the throttled group: ${throttled.busy.failures} failures, ${throttle.refused()} requests refused\n`,
    );
    expect(throttled.busy.failures).toBeGreaterThan(0);
    expect(quiet.busy.failures).toBe(0);
    expect(quiet.calm.failures + throttled.calm.failures).toBe(0);
    expect(percentile(throttled.calm.times, 0.99)).toBeLessThan(2 * percentile(quiet.calm.times, 0.99));
  }, 240_000);
});

function percentile(times: readonly number[], share: number): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;
}

function print(what: string, { times, failures }: Window): void {
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)].map((ms) => ms.toFixed(1));
  process.stdout.write(`${what}: ${times.length} round trips, p50 ${p50} ms, p99 ${p99} ms, ${failures} failures\n`);
}
