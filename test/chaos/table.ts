import type { Outcome } from './run-chaos.ts';

/** What a run showed, a line a figure. */
export function tableOf(title: string, outcome: Outcome): string {
  const { sent, confirmed, delivered, lost, unexpected, flagged, unflagged, overtaken, flaggedFirst } = outcome;
  const faults = [...outcome.faults].sort(([a], [b]) => a.localeCompare(b));
  const rows: [string, string | number][] = [
    ['sent', sent],
    ['confirmed', confirmed],
    ['delivered', delivered],
    ['lost', lost.length],
    ['unexpected', unexpected.length],
    ['duplicates, flagged', flagged],
    ['duplicates, unflagged', unflagged.length],
    ['first deliveries overtaken in the network', overtaken],
    ['flagged at their first arrival', flaggedFirst],
    ['drained at the end', outcome.isDrained ? 'yes' : 'NO'],
    // The first master took over from nobody.
    ['takeovers', Math.max(0, outcome.masters - 1)],
    ['brokers that ended by themselves', outcome.ends],
    ['brokers killed', (outcome.faults.get('kill') ?? 0) + 2 * (outcome.faults.get('kill both') ?? 0)],
    ...faults.map(([what, times]): [string, number] => [`fault: ${what}`, times]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [title, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(8)}`)].join('\n');
}
