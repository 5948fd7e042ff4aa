import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorFaces } from '../../lib/model/errors.ts';
import { metricUnits } from '../../lib/model/metrics.ts';

it('the protocol page lists every error code with its HTTP status', () => {
  const rows = readFileSync('docs/protocol.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const listed = rows.flatMap((row) => {
    const [, codes = '', status = ''] = row.split('|');
    return [...codes.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code, Number(status)]);
  });
  const faces = Object.entries(errorFaces).map(([code, face]) => [code, face.http]);
  expect(listed.filter(([code]) => String(code) in errorFaces).sort()).toEqual(faces.sort());
});

it('the operations page lists every metric', () => {
  const page = readFileSync('docs/operations.md', 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([a-zA-Z]+)`/g)].map(([, name]) => name),
  );
  expect(named).toEqual(expect.arrayContaining(Object.keys(metricUnits)));
});

it('the operations page has the costs that are measured', () => {
  const printed = execFileSync(process.execPath, ['bench/cost.ts', '--markdown'], { encoding: 'utf8' });
  const tables = printed.trim().split('\n\n');
  expect(tables).toHaveLength(2);
  const page = readFileSync('docs/operations.md', 'utf8');
  for (const table of tables) expect(page).toContain(table);
});
