import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** So large may what V8 holds of young objects become, in octets. */
const ENOUGH_BYTES = 8 * 1024 * 1024;
const LOOK_MS = 100;

/**
 * Stops V8 from giving young objects more and more room, up to 64 MiB and as much again: what waits there for the next
 * scavenge keeps the bodies of messages that are long gone. For a process that is a broker and nothing else. Where V8
 * was told a smaller room, it stays at that.
 * @see docs/decisions/0058
 */
export function boundYoungGeneration(): void {
  const timer = setInterval(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if (young && young.space_size < ENOUGH_BYTES) return;
    setFlagsFromString('--semi-space-growth-factor=1');
    clearInterval(timer);
  }, LOOK_MS).unref();
}
