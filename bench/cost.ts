import { type Metric, metricUnits } from '../lib/model/metrics.ts';
import {
  type Cost,
  cases,
  measure,
  measureBeat,
  measureIdle,
  measureTransaction,
  TRANSACTION_UNITS_MAX,
} from './measure.ts';
import { billOf, idleCosts, markdown, monthlyCosts } from './prices.ts';

/**
 * Prints the cost ledger, and ends with 1 if a message costs more than it should. `--json`: a line a case;
 * `--markdown`: in dollars, as docs/operations.md has it.
 */

/** Those that no shard has. */
const ofBroker: readonly Metric[] = [
  'writeUnits',
  'throttles',
  'sweepRan',
  'sweepShards',
  'sweepLeft',
  'sweepFailed',
  'loginsRefused',
  'connects',
  'disconnects',
];

/** How many metrics there are of a broker, and of each destination group; a depth is of a watched queue alone. */
function metricCounts() {
  return { ofBroker: ofBroker.length, ofGroup: Object.keys(metricUnits).length - ofBroker.length - 1 };
}

/** The tables of docs/operations.md, in dollars. */
async function tables(costs: readonly Cost[]): Promise<string> {
  const dollars = (amount: number) => amount.toFixed(2);
  const rows = costs.map(({ scenario, subscribers, bodyBytes, batch, perMessage }) => {
    const { dynamodb, gateway, lambda, logs, total } = billOf(perMessage);
    return [scenario, subscribers, `${bodyBytes} B`, batch, ...[dynamodb, gateway, lambda, logs, total].map(dollars)];
  });
  const idle = idleCosts(await measureIdle()).map(([what, amount]) => [what, amount.toFixed(3)]);
  const monthly = monthlyCosts(await measureBeat(), metricCounts()).map(([what, amount]) => [what, amount.toFixed(3)]);
  return [
    markdown([
      [
        'a million to a',
        'of subscribers',
        'of',
        'in batches of',
        'DynamoDB',
        'API Gateway',
        'Lambda',
        'logs',
        'together',
      ],
      ...rows,
    ]),
    markdown([
      ['a million transactions that', 'write units each', 'DynamoDB, dollars'],
      [TRANSACTION, transaction.writeUnits, dollars(billOf({ ...nothingElse, ...transaction }).dynamodb)],
    ]),
    markdown([['a month, idle', 'dollars'], ...idle]),
    markdown([['a month, in use', 'dollars'], ...monthly]),
  ].join('\n\n');
}

const TRANSACTION = 'send ten messages of 200 B to two queues, and acknowledge ten';
const nothingElse = { socketMessages: 0, httpRequests: 0, invocations: 0 };

const costs = await Promise.all(cases.map(measure));
const transaction = await measureTransaction();
const isJson = process.argv.includes('--json');
const isMarkdown = process.argv.includes('--markdown');
const print = (line: string) => process.stdout.write(`${line}\n`);
if (isMarkdown) print(await tables(costs));
else if (!isJson) print('       scenario  subscribers  body, B  batch  writes  reads  write units  at most');
costs.forEach((cost, i) => {
  if (isMarkdown) return;
  const { scenario, subscribers, bodyBytes, batch, writesPerMessage, readsPerMessage, writeUnitsPerMessage } = cost;
  const most = cases[i]?.writeUnitsMax ?? 0;
  const columns = [
    scenario,
    subscribers,
    bodyBytes,
    batch,
    writesPerMessage,
    readsPerMessage,
    writeUnitsPerMessage,
    most,
  ];
  print(
    isJson
      ? JSON.stringify(cost)
      : columns.map((column, at) => String(column).padStart([15, 11, 7, 5, 6, 5, 11, 7][at] ?? 0)).join('  '),
  );
});
if (!isMarkdown)
  print(isJson ? JSON.stringify({ transaction }) : `${TRANSACTION}: ${transaction.writeUnits} write units`);
if (transaction.writeUnits > TRANSACTION_UNITS_MAX) {
  process.stderr.write('A transaction is dearer than it should be.\n');
  process.exitCode = 1;
}
const dear = costs.filter((cost, i) => cost.writeUnitsPerMessage > (cases[i]?.writeUnitsMax ?? 0));
if (dear.length > 0) {
  process.stderr.write(
    `Dearer than they should be: ${dear.map((cost) => `${cost.scenario} ${cost.bodyBytes} B x ${cost.batch}`).join(', ')}\n`,
  );
  process.exitCode = 1;
}
