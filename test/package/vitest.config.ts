import { defineConfig } from 'vitest/config';

/** What is packed, installed and used as the README says. It installs from the registry: minutes, and not for every run. */
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    reporters: ['verbose'],
  },
});
