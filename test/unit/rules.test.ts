import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('every rule of the simulation is on the page of rules, and none else', () => {
  const sources = globSync('test/simulation/{*,*/*}.ts').map((file) => readFileSync(file, 'utf8'));
  const calls = sources.flatMap((source) => [
    ...source.matchAll(/(?:must\(|new Violation\()[^;]*?'([a-z][^']{10,})'/g),
  ]);
  const page = readFileSync('docs/decisions/0025-rules-by-invariant.md', 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const listed = rows.flatMap((row) => [...(row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, rule]) => rule));
  expect([...new Set(listed)].sort()).toEqual([...new Set(calls.map(([, rule]) => rule))].sort());
});
