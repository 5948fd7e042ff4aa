import { RawStomp } from '../raw-stomp.ts';
import { latencyOf, Pair } from './pair.ts';
import { print, withBroker } from './subject.ts';

const IDLE = 2_000;
const PAIRS = 100;
const MESSAGES = 200;
const WINDOW = 2;
/** Connections that are opened at a time. */
const AT_ONCE = 100;

/** 2,000 connections that do nothing, and 200 that are busy. */
export async function crowd(): Promise<void> {
  await withBroker(async ({ url, memory }) => {
    const before = memory();
    const idle: RawStomp[] = [];
    const begun = performance.now();
    while (idle.length < IDLE) {
      const opened = Array.from({ length: AT_ONCE }, () => RawStomp.connect(url));
      idle.push(...(await Promise.all(opened)));
    }
    const openedMs = performance.now() - begun;
    print(`${IDLE} idle connections: opened in ${Math.round(openedMs)} ms, memory ${before} -> ${memory()} MiB`);
    const pairs = await Promise.all(Array.from({ length: PAIRS }, (_, i) => Pair.open(url, `busy.${i}`)));
    const started = performance.now();
    const latencies = (await Promise.all(pairs.map((pair) => pair.windowed(MESSAGES, WINDOW)))).flat();
    const perSecond = latencies.length / ((performance.now() - started) / 1000);
    print(`200 busy connections beside them: ${Math.round(perSecond)} msg/s, ${latencyOf(latencies)}, ${memory()} MiB`);
    for (const connection of [...idle, ...pairs]) 'destroy' in connection ? connection.destroy() : connection.close();
  });
}
