import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { version } from '../../lib/model/version.ts';

it('the tests run on the Node version that Lambda has', () => {
  expect(process.versions.node).toMatch(/^24\./);
});

it('the software knows the version of its package', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).version).toBe(version);
});
