import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/cloud/*.test.ts'],
    globalSetup: 'test/cloud/setup.ts',
    testTimeout: 180_000,
    hookTimeout: 60_000,
    // One deployment for all: an update must not come between another test's steps.
    fileParallelism: false,
    reporters: ['verbose'],
  },
});
