import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorFaces } from '../../lib/model/errors.ts';

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
