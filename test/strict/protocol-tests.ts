import { globSync, readFileSync } from 'node:fs';

/** Sessions whose token expires wait for the sweep of a minute; and what is of the local server alone. */
const apart = ['test/protocol/access/endings.test.ts', 'test/protocol/access/local.test.ts'];

/** The test files that talk to whatever subject there is. */
export const protocolTests: string[] = globSync('test/protocol/**/*.test.ts')
  .filter((file) => !apart.includes(file) && /'(\.\.\/)+(access-)?subject\.ts'/.test(readFileSync(file, 'utf8')))
  .sort();
