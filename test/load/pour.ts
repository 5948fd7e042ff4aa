import { once } from 'node:events';
import { RawStomp } from '../raw-stomp.ts';

const PRODUCERS = 4;
const WINDOW = 50;
const BODY = 'x'.repeat(1024);

/** `node test/load/pour.ts URL`, forked: sends as much as goes in to one queue, until its parent sends it anything. */
async function pourOut(url: string): Promise<void> {
  let sent = 0;
  let isOver = false;
  const pour = async (producer: RawStomp) => {
    const send = () => producer.send(`SEND\ndestination:/queue/flooded\nreceipt:${++sent}\n\n${BODY}\0`);
    for (let n = 0; n < WINDOW; n++) send();
    while (!isOver) {
      await producer.next();
      send();
    }
    producer.destroy();
  };
  const producers = await Promise.all(Array.from({ length: PRODUCERS }, () => RawStomp.connect(url)));
  const begun = performance.now();
  const pouring = Promise.all(producers.map(pour));
  process.send?.('pouring');
  await once(process, 'message');
  isOver = true;
  await pouring;
  process.send?.(sent / ((performance.now() - begun) / 1000));
  process.disconnect();
}

await pourOut(process.argv[2] ?? '');
