import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The functions, named as their files in `functions/`. */
export const functionNames = ['connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'] as const;
export type FunctionName = (typeof functionNames)[number];

/** Where `npm run bundle` puts the functions: in the package beside the built `infra`, in the clone beside its sources. */
export const bundlesFolder = fileURLToPath(
  new URL(extname(import.meta.url) === '.ts' ? '../dist/bundles/' : '../bundles/', import.meta.url),
);

/**
 * The folder that is a function's code: `index.mjs`, which exports `handler`, and its source map.
 * @throws Error if the functions are not bundled, which only happens in a clone
 */
export function bundleOf(name: FunctionName): string {
  const folder = `${bundlesFolder}${name}`;
  if (existsSync(folder)) return folder;
  throw new Error(`The function ${name} is not bundled: \`npm run bundle\` does it, and \`npx cdk\` by itself.`);
}
