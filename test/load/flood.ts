import { fork } from 'node:child_process';
import { once } from 'node:events';
import { latencyOf, Pair, percentile } from './pair.ts';
import { print, withBroker } from './subject.ts';

const SECONDS = 8;
const PER_SECOND = 100;

/** As many messages as go in to one queue, which nobody reads, while another one keeps its latency. */
export async function flood(): Promise<void> {
  await withBroker(async ({ url, memory, ownMemory }) => {
    const pair = await Pair.open(url, 'calm');
    await pair.paced(2, PER_SECOND);
    const alone = await pair.paced(SECONDS, PER_SECOND);
    // A process of its own: what measures must not wait for what pours.
    const pouring = fork('test/load/pour.ts', [url]);
    await once(pouring, 'message');
    // Both are measured once they are warm: what a process compiles in its first seconds is no flood's doing.
    await pair.paced(2, PER_SECOND);
    const flooded = await pair.paced(SECONDS, PER_SECOND);
    pouring.send('enough');
    const [perSecond] = (await once(pouring, 'message')) as [number];
    const ratio = percentile(flooded, 0.99) / percentile(alone, 0.99);
    print(
      `a flood of ${Math.round(perSecond)} msg/s on one queue, memory ${memory()} MiB, own ${ownMemory() ?? '?'}: another queue`,
    );
    print(`  ${latencyOf(alone)} without, ${latencyOf(flooded)} with it: p99 ratio ${ratio.toFixed(1)}`);
    pair.close();
  });
}
