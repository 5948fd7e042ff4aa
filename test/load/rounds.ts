import { Pair } from './pair.ts';
import { print, withBroker } from './subject.ts';

const ROUNDS = 16;
const PAIRS = 8;
const MESSAGES = 2_000;
const WINDOW = 50;

/** The same traffic again and again, each time on connections of its own: memory stays where it is. */
export async function rounds(): Promise<void> {
  await withBroker(async ({ url, memory, ownMemory }) => {
    const after: number[] = [];
    const own: (number | undefined)[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const pairs = await Promise.all(Array.from({ length: PAIRS }, (_, i) => Pair.open(url, `round.${i}`)));
      await Promise.all(pairs.map((pair) => pair.windowed(MESSAGES, WINDOW)));
      for (const pair of pairs) pair.close();
      after.push(memory());
      own.push(ownMemory());
    }
    print(`memory after each of ${ROUNDS} rounds of ${PAIRS * MESSAGES} messages: ${after.join(', ')} MiB;`);
    print(`  without the data's file, which is mapped: ${own.map((mebibytes) => mebibytes ?? '?').join(', ')} MiB`);
  });
}
