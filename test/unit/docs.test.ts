import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { errorFaces } from '../../lib/model/errors.ts';
import { metricUnits } from '../../lib/model/metrics.ts';
import { unsupportedHeaders } from '../../lib/model/unsupported-headers.ts';
import { startBroker } from '../../lib/server/start-broker.ts';

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

it.each([
  ['hang up where nothing comes', ['a'], 'a false\n'],
  [
    'browse what is left',
    [...'abcdefghijkl'],
    `${[...'abcdefghij'].map((body) => `${body} false\n`).join('')}11 k\n12 l\n`,
  ],
])('the examples of the protocol page take what there is, and %s', async (_, bodies, output) => {
  const page = readFileSync('docs/protocol.md', 'utf8');
  const examples = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
  expect(examples).toHaveLength(3);
  const broker = await startBroker({ port: 0, memory: true });
  const send = (body: string) =>
    fetch(`${broker.url}/v1/queues/orders/messages`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body,
    });
  for (const body of bodies) await send(body);
  const code = examples.join('\n').replace('http://127.0.0.1:61614', broker.url);
  const running = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [printed, failed] = await Promise.all([text(running.stdout), text(running.stderr)]);
  expect({ printed, failed }).toEqual({ printed: output, failed: '' });
  await broker.close();
});

it('the protocol page lists every header of other brokers that is refused, with the values that are not', () => {
  const page = readFileSync('docs/protocol.md', 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  for (const { names, harmless = [] } of unsupportedHeaders) {
    for (const name of names) {
      const listing = rows.filter((row) => row.includes(`\`${name}\``));
      expect(listing, name).not.toEqual([]);
      for (const value of harmless) expect(listing.join('\n').toLowerCase(), name).toContain(`\`${value}\``);
    }
  }
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
  expect(tables).toHaveLength(4);
  const page = readFileSync('docs/operations.md', 'utf8');
  for (const table of tables) expect(page).toContain(table);
});
