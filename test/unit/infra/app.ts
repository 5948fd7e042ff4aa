import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type AppProps } from 'aws-cdk-lib';
import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'cirrusmq-synth-'));
let apps = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An app of a test, whose output is removed when its file ends. */
export function newApp(props: AppProps = {}): App {
  return new App({ ...props, outdir: join(folder, String(++apps)) });
}
