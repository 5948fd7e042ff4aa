import { afterEach, describe, expect, it, vi } from 'vitest';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { steadyClock } from '../../../lib/server/steady-clock.ts';

const HOUR_MS = 60 * 60 * 1000;
const START = Date.UTC(2026, 0, 1);

describe('the clock of a broker that is one process', () => {
  function machine() {
    const time = { date: START, elapsed: 5000.5 };
    const pass = (ms: number) => {
      time.date += ms;
      time.elapsed += ms;
    };
    const clock = steadyClock(
      () => Math.floor(time.date),
      () => time.elapsed,
    );
    return { time, pass, clock };
  }

  it('is that of the machine', () => {
    const { pass, clock } = machine();
    pass(1234);
    expect([clock.now(), clock.date()]).toEqual([START + 1234, START + 1234]);
  });

  it('goes on where that is set back, and says the date as it is', () => {
    const { time, pass, clock } = machine();
    time.date -= HOUR_MS;
    expect(clock.now()).toBe(START);
    pass(3000);
    expect([clock.now(), clock.date()]).toEqual([START + 3000, START - HOUR_MS + 3000]);
    time.date -= HOUR_MS;
    pass(1000);
    expect(clock.now()).toBe(START + 4000);
  });

  it('follows where that is set forward', () => {
    const { time, pass, clock } = machine();
    time.date += HOUR_MS;
    pass(1000);
    expect(clock.now()).toBe(START + HOUR_MS + 1000);
  });

  it('gives whole milliseconds that never become fewer', () => {
    const { time, pass, clock } = machine();
    const times = Array.from({ length: 20 }, () => {
      time.date -= 10;
      pass(0.3);
      return clock.now();
    });
    expect(times).toEqual(Array.from({ length: 20 }, (_, i) => START + Math.floor((i + 1) * 0.3 + 1e-6)));
  });
});

describe('a broker whose machine is set back by an hour', () => {
  afterEach(() => void vi.useRealTimers());

  async function ask(url: string, path: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}/v1/queues/q/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  }

  it('gives a message back when its visibility is over, and lets it expire by the date', async () => {
    const broker = await startBroker({ port: 0, memory: true });
    await ask(broker.url, 'messages', { messages: [{ body: 'kept' }] });
    await ask(broker.url, 'receive', { visibilitySeconds: 1 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - HOUR_MS });
    expect(await ask(broker.url, 'receive', { waitSeconds: 10 })).toMatchObject({
      messages: [{ body: 'kept', redelivered: true }],
    });
    const timely = [{ body: 'timely', expires: Date.now() + HOUR_MS / 2 }];
    const sentAt = Date.now();
    await ask(broker.url, 'messages', { messages: timely });
    expect(await ask(broker.url, 'receive', {})).toMatchObject({ messages: [{ body: 'timely', timestamp: sentAt }] });
    await broker.close();
  });
});
