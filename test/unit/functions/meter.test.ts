import type { Context } from 'aws-lambda';
import { expect, it } from 'vitest';
import { observe } from '../../../functions/observation.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { sweepHandler } from '../../../lib/handlers/sweep.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from '../broker/environment.ts';
import { type Embedded, metricsIn, writtenBy } from './written.ts';

const context = { awsRequestId: 'r' } as Context;
const groupOf = (shard: string) => (shard.startsWith('/queue/pay') ? 'payments' : 'default');

function brokerOf(watched: readonly string[] = []) {
  const observation = observe({ service: 'b', groupOf, watched });
  const bench = environmentOn(new MemoryStore(), observation);
  const event = (body = '') => ({ requestContext: { connectionId: 'c' }, body });
  const of = (work: () => Promise<unknown>) => writtenBy(async () => void (await work())).then(metricsIn);
  return {
    observation,
    connect: () => of(() => connectHandler(bench)(event(), context)),
    frame: (body: string) => of(() => frameHandler(bench)(event(body), context)),
    sweep: () => of(() => sweepHandler(bench)(undefined, context)),
  };
}

function dimensionsOf({ _aws }: Embedded): readonly string[] | undefined {
  return _aws.CloudWatchMetrics[0]?.Dimensions[0];
}

const connected = 'CONNECT\naccept-version:1.2\nhost:/\n\n\0';
const send = (queue: string) => `SEND\ndestination:/queue/${queue}\n\nx\0`;

it('writes one line for each destination group that an invocation had to do with, with units and dimensions', async () => {
  const { connect, frame } = brokerOf();
  const [connects] = await connect();
  expect(connects).toMatchObject({ service: 'b', connects: 1 });
  expect(connects && dimensionsOf(connects)).toEqual(['service']);
  const lines = await frame(connected + send('a') + send('b') + send('payroll'));
  expect(lines.map(({ group, sent }) => [group, sent]).sort()).toEqual([
    ['default', 2],
    ['payments', 1],
  ]);
  for (const line of lines) {
    expect(dimensionsOf(line)).toEqual(['service', 'group']);
    const [written] = line._aws.CloudWatchMetrics;
    expect(written?.Namespace).toBe('CirrusMQ');
    expect(written?.Metrics).toContainEqual({ Name: 'sent', Unit: 'Count' });
    expect(written?.Metrics).toContainEqual({ Name: 'turnMs', Unit: 'Milliseconds' });
  }
});

it('writes as many lines for a hundred messages as for one', async () => {
  const { connect, frame } = brokerOf();
  await connect();
  const one = await frame(connected + send('a'));
  const hundred = await frame(send('a').repeat(100));
  expect(hundred).toHaveLength(one.length);
  expect(hundred[0]).toMatchObject({ sent: 100 });
});

it('begins each invocation anew', async () => {
  const { connect, frame } = brokerOf();
  await connect();
  await frame(connected + send('a'));
  expect(await frame(send('a'))).toMatchObject([{ sent: 1 }]);
});

it('gives watched queues, and no others, metrics of their own', async () => {
  const { connect, frame, sweep } = brokerOf(['a']);
  await connect();
  await frame(connected + send('a') + send('b'));
  const lines = await sweep();
  const own = lines.filter(({ destination }) => destination !== undefined);
  expect(own).toMatchObject([{ destination: '/queue/a', depth: 1, ageOfOldestMs: expect.any(Number) }]);
  expect(own[0] && dimensionsOf(own[0])).toEqual(['service', 'destination']);
  expect(lines.flatMap((line) => ('sweepRan' in line ? [line.sweepRan] : []))).toEqual([1]);
});

it('counts what DynamoDB says that calls consumed, and what it put off', async () => {
  const { observation, connect } = brokerOf();
  observation.consumption.consumed('write', 1.5);
  observation.consumption.consumed('write', 2);
  observation.consumption.consumed('read', 0.5);
  observation.consumption.throttled();
  observation.onThrottled();
  expect(await connect()).toMatchObject([{ writeUnits: 3.5, throttles: 2, connects: 1 }]);
});
