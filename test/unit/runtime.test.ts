import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { NODE_MIN } from '../../lib/model/node-version.ts';
import { version } from '../../lib/model/version.ts';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** A process that takes itself for an older Node. */
function onNode20(...args: readonly string[]) {
  const pretend = "Object.defineProperty(process.versions, 'node', { value: '20.20.2' });";
  const options = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, ...args];
  return spawnSync(process.execPath, options, { encoding: 'utf8' });
}

it('the tests run on the Node version that Lambda has', () => {
  expect(process.versions.node).toMatch(/^24\./);
});

it('the software knows the version of its package, and the Node that this asks for', () => {
  expect(manifest.version).toBe(version);
  expect(manifest.engines.node).toBe(`>=${NODE_MIN}`);
});

it('the package brings no Node', () => {
  const { dependencies, optionalDependencies = {} } = manifest;
  expect(Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => /^node(-|$)/.test(name))).toEqual(
    [],
  );
});

it('the command line says in one line which Node it needs', () => {
  const { status, stderr } = onNode20('lib/cli/cirrusmq.ts', 'serve');
  expect([status, stderr]).toEqual([1, 'cirrusmq: CirrusMQ needs Node 24 or later; this is Node 20.20.2.\n']);
});

it('startBroker says which Node it needs', () => {
  const script =
    "const { startBroker } = await import('./lib/index.ts'); await startBroker().catch((e) => console.log(e.message));";
  const { stdout } = onNode20('--input-type=module', '-e', script);
  expect(stdout).toBe('CirrusMQ needs Node 24 or later; this is Node 20.20.2.\n');
});
