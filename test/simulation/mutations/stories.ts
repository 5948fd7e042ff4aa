import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is played: the seed, and the workload that it is played with. */
export type Story = { readonly workload: string; readonly seed: number };

const LINE_WIDTH = 120;
const path = join(import.meta.dirname, 'stories.json');

/** The story that catches each mutation, by the mutation's name. Without the mutation all is well in it. */
export function readStories(): Map<string, Story> {
  return new Map(Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, Story>));
}

/** @param names in the order in which they are written */
export function writeStories(stories: ReadonlyMap<string, Story>, names: readonly string[]): void {
  const lines = names.flatMap((name) => {
    const story = stories.get(name);
    return story ? lineOf(JSON.stringify(name), story) : [];
  });
  writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`);
}

/** As the formatter has it. */
function lineOf(name: string, { workload, seed }: Story): string {
  const line = `  ${name}: { "workload": "${workload}", "seed": ${seed} }`;
  const isWide = line.length >= LINE_WIDTH;
  return isWide ? `  ${name}: {\n    "workload": "${workload}",\n    "seed": ${seed}\n  }` : line;
}
