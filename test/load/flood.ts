import { RawStomp } from '../raw-stomp.ts';
import { latencyOf, Pair, percentile } from './pair.ts';
import { print, withBroker } from './subject.ts';

const SECONDS = 8;
const PER_SECOND = 100;
const PRODUCERS = 4;
const WINDOW = 50;

/** As many messages as go in to one queue, which nobody reads, while another one keeps its latency. */
export async function flood(): Promise<void> {
  await withBroker(async ({ url, memory }) => {
    const pair = await Pair.open(url, 'calm');
    await pair.paced(1, PER_SECOND);
    const alone = await pair.paced(SECONDS, PER_SECOND);
    let sent = 0;
    let isOver = false;
    const body = 'x'.repeat(1024);
    const pour = async () => {
      const producer = await RawStomp.connect(url);
      const send = () => producer.send(`SEND\ndestination:/queue/flooded\nreceipt:${++sent}\n\n${body}\0`);
      for (let n = 0; n < WINDOW; n++) send();
      while (!isOver) {
        await producer.next();
        send();
      }
      producer.destroy();
    };
    const pouring = Promise.all(Array.from({ length: PRODUCERS }, pour));
    const flooded = await pair.paced(SECONDS, PER_SECOND);
    isOver = true;
    await pouring;
    const ratio = percentile(flooded, 0.99) / percentile(alone, 0.99);
    print(`a flood of ${Math.round(sent / SECONDS)} msg/s on one queue, memory ${memory()} MiB: another queue`);
    print(`  ${latencyOf(alone)} without, ${latencyOf(flooded)} with it: p99 ratio ${ratio.toFixed(1)}`);
    pair.close();
  });
}
