import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { Project, pack } from './project.ts';
import { listingsUnder, listingWith } from './readme.ts';

const folder = mkdtempSync(join(tmpdir(), 'cirrusmq-packed-'));
let tarball: string;
let project: Project;
beforeAll(async () => {
  tarball = pack(folder);
  project = new Project(tarball, { http: await freePort(), stomp: await freePort() });
  project.run(listingWith('Install', 'npm install'));
});
afterAll(() => {
  project?.[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe('the package', () => {
  it.each([
    ['publint', ['publint', 'run', '--strict']],
    // Its types are for ES modules on Node: what CommonJS would see of them is none of its promises.
    ['Are the types wrong?', ['attw', '--profile', 'esm-only']],
  ])('passes %s', (_, [command = '', ...args]) => {
    const { status, stdout, stderr } = spawnSync('npx', ['--no-install', command, ...args, tarball], {
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).toBe(0);
  });

  it('brings no Node, no bundler, and nothing that its manifest does not name', () => {
    const bin = readdirSync(join(project.folder, 'node_modules/.bin'));
    expect(bin).toContain('cirrusmq');
    expect(bin.filter((name) => /^(node|esbuild|cdk)$/.test(name))).toEqual([]);
    const root = join(project.folder, 'node_modules/cirrusmq');
    expect(readdirSync(root).sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json']);
    expect(readdirSync(join(root, 'dist')).sort()).toEqual(['bundles', 'infra', 'lib']);
  });

  it('has the licences of what its functions bring', () => {
    const text = readFileSync(join(project.folder, 'node_modules/cirrusmq/dist/bundles/LICENSES.txt'), 'utf8');
    for (const name of ['@aws-sdk/client-dynamodb', '@aws-lambda-powertools/logger', 'hono', 'zod'])
      expect(text).toContain(`${name} `);
  });
});

describe('the listings of the README', () => {
  it('serve, send and receive', async () => {
    const serving = project.start(listingWith('The first message', 'cirrusmq serve'));
    const lines = createInterface({ input: serving.stdout as NodeJS.ReadableStream });
    for await (const line of lines) if (line === 'Try:') break;
    const others = listingsUnder('The first message').filter(({ text }) => !text.includes('cirrusmq serve'));
    expect(others.length).toBeGreaterThan(2);
    const written = others.map((listing) => project.run(listing));
    expect(written[0]).toContain('one espresso');
    expect(written.at(-1)).not.toContain('error');
    const [install, program, command] = listingsUnder('From a program');
    if (!install || !program || !command) throw new Error('There are three listings of a program.');
    project.run(install);
    project.write(program);
    const running = project.start(command);
    const [first] = await once(createInterface({ input: running.stdout as NodeJS.ReadableStream }), 'line');
    expect(first).toBeTypeOf('string');
    const group = serving.pid as number;
    const ended = once(serving, 'exit');
    process.kill(-group, 'SIGTERM');
    await ended;
  });

  it('start a broker in a test', () => {
    const program = listingWith('In your tests', 'startBroker');
    project.write(program);
    expect(project.run({ text: `node ${program.file}` })).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ ws:\/\/127\.0\.0\.1:\d+ tcp:\/\/127\.0\.0\.1:\d+\n$/,
    );
  });

  it('synthesise a CDK app, without a bundler, a lock file or Docker', () => {
    const [install, app, synth] = listingsUnder('In a CDK app of your own');
    if (!install || !app || !synth) throw new Error('There are three listings of a CDK app.');
    project.run(install);
    rmSync(join(project.folder, 'package-lock.json'));
    project.write(app);
    project.run(synth);
    const output = join(project.folder, 'cdk.out');
    const template = JSON.parse(readFileSync(join(output, 'Orders.template.json'), 'utf8'));
    const types = Object.values(template.Resources as Record<string, { Type: string }>).map(({ Type }) => Type);
    expect(types.filter((type) => type === 'AWS::Lambda::Function')).toHaveLength(6);
    const assets = readdirSync(output).filter((name) => name.startsWith('asset.'));
    expect(assets.filter((name) => existsSync(join(output, name, 'index.mjs.map')))).toHaveLength(6);
  });
});
