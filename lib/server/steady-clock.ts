import { systemClock } from '../handlers/environment.ts';

/**
 * The clock of a broker that is one process. Where the machine's is set back, it goes on: what was to last three seconds
 * does not last an hour. Where that is set forward, or slept, it follows, so that it is never behind: what a store keeps
 * until a date is kept for long enough.
 * @param date what the machine's clock says, in milliseconds since the epoch
 * @param elapsed milliseconds since any moment, whatever is set
 */
export function steadyClock(date = () => Date.now(), elapsed = () => performance.now()): typeof systemClock {
  let time = date();
  let readAt = elapsed();
  return {
    ...systemClock,
    date,
    now() {
      const readBefore = readAt;
      readAt = elapsed();
      time = Math.max(date(), time + readAt - readBefore);
      return Math.floor(time);
    },
  };
}
