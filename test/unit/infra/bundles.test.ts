import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { nodeOptions } from '../../../infra/broker-function.ts';
import { bundleOf, functionNames } from '../../../infra/bundle.ts';

/** Loads the code of a function as Lambda does, and gives what the script says of it. */
function load(name: (typeof functionNames)[number], script: string, environment: NodeJS.ProcessEnv = {}) {
  const file = pathToFileURL(`${bundleOf(name)}/index.mjs`).href;
  const args = ['--input-type=module', '-e', script, file];
  const env = { NODE_OPTIONS: nodeOptions, AWS_REGION: 'eu-west-1', ...environment };
  return spawnSync(process.execPath, args, { env, encoding: 'utf8' });
}

const environment = { TABLE_PREFIX: 'p', CONNECTIONS_ENDPOINT: 'https://none.example/live', DISPATCH_FUNCTION: 'd' };

describe('a bundled function', () => {
  it.each(functionNames)('%s loads by itself, and has a handler', (name) => {
    const script = 'const { handler } = await import(process.argv[1]); process.stdout.write(typeof handler);';
    expect(load(name, script, environment)).toMatchObject({ status: 0, stdout: 'function' });
  });

  it('names the sources in a stack', () => {
    const script = 'await import(process.argv[1]).catch((e) => process.stdout.write(e.stack));';
    expect(load('rest', script).stdout).toMatch(
      /lacks TABLE_PREFIX\.\n\s+at required \(.*functions\/settings\.ts:\d+:\d+\)/,
    );
  });
});
