import { globSync, readFileSync } from 'node:fs';

/** The test files that talk to whatever subject there is. */
export const protocolTests: string[] = globSync('test/protocol/*.test.ts')
  .filter((file) => readFileSync(file, 'utf8').includes("'../subject.ts'"))
  .sort();
