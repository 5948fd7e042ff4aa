import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';

export type Outputs = { readonly TablePrefix: string; readonly Url: string; readonly WebSocketUrl: string };
/**
 * Brokers: one that is open to everybody, one that is closed to all but users and bearers of tokens, and one that is
 * deployed for the first time.
 */
export type StackName = 'CirrusMQ' | 'CirrusMQClosed' | 'CirrusMQFirst';

const cdk = resolve('node_modules/aws-cdk/bin/cdk');
const outputs = resolve('node_modules/.cache/cdk.outputs.json');
const bootstrapTemplate = resolve('node_modules/.cache/cdk.bootstrap.yaml');
const region = 'us-east-1';
const account = '000000000000';

/** The environment of a client of the emulated account. */
export function accountEnvironment(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    EMULATOR_ENDPOINT: endpoint,
  };
}

/** Where an emulator has the management API of the WebSocket API's stage. */
export function connectionsEndpoint(endpoint: string, webSocketApi: string): string {
  return `${endpoint}/_aws/execute-api/${webSocketApi}/live`;
}

/** Over loopback there is no TLS, which the policy of the bucket for assets asks for. */
export async function bootstrap(endpoint: string): Promise<void> {
  const template = await runCdk(endpoint, ['bootstrap', '--show-template']);
  writeFileSync(bootstrapTemplate, template.replace('aws:SecureTransport: "false"', 'aws:SecureTransport: never'));
  await runCdk(endpoint, ['bootstrap', `aws://${account}/${region}`, '--template', bootstrapTemplate]);
}

/** Deploys these stacks, or what is new of them, by the CDK's own command line. */
export async function deploy(
  endpoint: string,
  stacks: readonly StackName[],
  settings: Record<string, string> = {},
): Promise<Readonly<Record<StackName, Outputs>>> {
  const options = ['--require-approval', 'never', '--concurrency', '2', '--outputs-file', outputs];
  await runCdk(endpoint, ['deploy', ...stacks, ...options], settings);
  return JSON.parse(readFileSync(outputs, 'utf8'));
}

/** @returns what it wrote to its standard output */
async function runCdk(
  endpoint: string,
  args: readonly string[],
  settings: Record<string, string> = {},
): Promise<string> {
  const begun = performance.now();
  const child = spawn(process.execPath, [cdk, ...args, '--app', `${process.execPath} test/cloud/app.ts`], {
    env: { ...process.env, ...accountEnvironment(endpoint), ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(`cdk ${args[0]} ended with ${child.exitCode}: ${errors.slice(-4000)}`);
  print(`cdk ${args[0]}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  return output;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
