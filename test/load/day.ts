import { liveADay } from '../simulation/day.ts';
import { print } from './subject.ts';

/** 24 hours of simulated time, with faults: what the store holds stays where it is. */
export async function day(): Promise<void> {
  const { report, hours } = await liveADay(1);
  if (report.violation) throw report.violation;
  const { deliveries } = report.totals;
  print(`a simulated day of ${deliveries} deliveries and ${report.steps} requests to the store; after each hour`);
  print(`  items: ${hours.map(({ items }) => items).join(', ')}`);
  print(`  octets of heads: ${hours.map(({ headBytes }) => headBytes).join(', ')}`);
}
