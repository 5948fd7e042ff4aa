import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The protocol's tests that talk to whatever broker there is: they are told of the deployed one by the environment. */
const protocol = globSync('test/protocol/*.test.ts').filter((file) =>
  readFileSync(file, 'utf8').includes("'../subject.ts'"),
);

/** What waits for the schedule of the sweep waits while the others run. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const waits = ({ moduleId }: TestSpecification) => Number(/(crash|endings)\.test\.ts$/.test(moduleId));
    return files.toSorted((a, b) => waits(b) - waits(a));
  }
}

/** How the broker that is closed keeps out whom it should. What a server of one's own has besides is left out. */
const access = globSync('test/protocol/access/*.test.ts').filter((file) => !file.endsWith('local.test.ts'));

const shared = { testTimeout: 180_000, hookTimeout: 60_000 };
const update = 'test/cloud/update.test.ts';

/** One deployment for all, of two brokers. What updates it comes last: no test is to find it in between. */
export default defineConfig({
  test: {
    globalSetup: 'test/cloud/setup.ts',
    maxWorkers: 2,
    reporters: ['verbose'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: 'deployed',
          include: ['test/cloud/*.test.ts', ...protocol],
          exclude: [update],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'closed',
          include: access,
          setupFiles: 'test/cloud/closed.ts',
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...shared, name: 'updated', include: [update], sequence: { groupOrder: 1 } } },
    ],
  },
});
