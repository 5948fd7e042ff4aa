import { setTimeout as sleep } from 'node:timers/promises';
import { RawStomp } from '../raw-stomp.ts';
import { latencyOf, Pair } from './pair.ts';
import { print, withBroker } from './subject.ts';

const SECONDS = 10;
const BODY_BYTES = 16_000;

/** A consumer that stops reading with a large prefetch, beside one that reads: neither it nor other queues may starve. */
export async function slowConsumer(): Promise<void> {
  await withBroker(async ({ url, memory }) => {
    const other = await Pair.open(url, 'other');
    const alone = await other.paced(3, 100);
    const shared = await Pair.open(url, 'shared', BODY_BYTES);
    const before = memory();
    const slow = await RawStomp.connect(url);
    await slow.ask(
      'SUBSCRIBE\nid:1\ndestination:/queue/shared\nack:client-individual\nprefetch-count:4096\nreceipt:s\n\n\0',
    );
    slow.stopReading();
    // What it has been given stays with it for as long as it is there, read or not.
    const leaving = sleep(SECONDS * 1000).then(() => slow.destroy());
    const [beside, elsewhere] = await Promise.all([shared.paced(SECONDS, 300), other.paced(SECONDS, 100), leaving]);
    print(`a consumer that does not read: another queue ${latencyOf(alone)} without, ${latencyOf(elsewhere)} with it;`);
    const longest = Math.round(shared.longestGap);
    print(
      `  its own queue's other consumer got all once it had gone, ${latencyOf(beside)}, nothing for at most ${longest} ms; memory ${before} -> ${memory()} MiB`,
    );
    for (const pair of [other, shared]) pair.close();
  });
}
