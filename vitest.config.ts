import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What is deployed has a command of its own: `npm run e2e`.
    exclude: ['test/cloud/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Protocol and process tests take a core each; more at a time would only wait for one another.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
