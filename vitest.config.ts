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
      // What is deployed, and what is packed, have commands of their own: `npm run e2e`, `npm run package`.
      {
        extends: true,
        test: {
          name: 'all',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cloud/**', 'test/package/**'],
          globalSetup: 'test/bundles.ts',
        },
      },
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
