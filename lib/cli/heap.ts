import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So large may what V8 holds of young objects become, in octets. */
const ENOUGH_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 100;

/** Held for as long as the process lives. */
const ballast: ArrayBuffer[] = [];
/** Of address space: none of it is ever touched, so that it takes no memory. */
const BALLAST_BYTES = 128 * 1024 * 1024;

/**
 * For a process that is a broker and nothing else.
 *
 * V8 collects its whole heap each time that this, with the buffers that it holds, has grown by a share of itself. A
 * broker's heap is small, and much passes through it: under load that is several times a second, and all wait for it.
 * With ballast the share is a large one.
 * @see docs/decisions/0060
 */
export function settleHeap(): void {
  boundYoungGeneration();
  if (takeBallast()) collectGarbage();
}

/** Where so much address space is not to be had, it goes without. */
function takeBallast(): boolean {
  try {
    ballast.push(new ArrayBuffer(BALLAST_BYTES));
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes V8 take the ballast into account. Until it has collected once, the heap counts as full: its threads that compile
 * wait for a collection, and a process that is to end waits for them.
 */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  collect();
}

/**
 * Stops V8 from giving young objects more and more room, up to 64 MiB and as much again: what waits there for the next
 * scavenge keeps the bodies of messages that are long gone. Where V8 was told a smaller room, it stays at that.
 * @see docs/decisions/0058
 */
function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if (young && young.space_size < ENOUGH_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, LOOK_MS).unref();
}
