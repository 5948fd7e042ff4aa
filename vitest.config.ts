import { defineConfig } from 'vitest/config';
import { protocolTests } from './test/strict/protocol-tests.ts';

/** Seeds of the model of API Gateway that every run of the tests goes through; `npm run strict` takes more. */
const seeds = [1, 2];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Protocol and process tests take a core each; more at a time would only wait for one another.
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      // What is deployed has a command of its own: `npm run e2e`.
      { extends: true, test: { name: 'all', include: ['test/**/*.test.ts'], exclude: ['test/cloud/**'] } },
      ...seeds.map((seed) => ({
        extends: true as const,
        test: {
          name: `strict ${seed}`,
          include: protocolTests,
          env: { CIRRUSMQ_SUBJECT: 'strict', CIRRUSMQ_SEED: String(seed) },
        },
      })),
    ],
  },
});
