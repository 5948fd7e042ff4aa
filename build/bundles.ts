import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { functionNames } from '../infra/bundle.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Makes one file of each function, with a source map beside it: what is deployed is what is built and tested here, whatever
 * versions somebody's project has. The AWS SDK is in it: the one that Lambda brings along changes by itself, and a bundle
 * starts faster than the many files of it.
 * @param outdir gets a folder for each function
 */
export async function buildBundles(outdir: string): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: functionNames.map((name) => ({ in: `functions/${name}.ts`, out: `${name}/index` })),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    // Names and lines are all that a stack shows.
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    plugins: [ownMapsOnly],
    // What an ESM bundle lacks that packages written for CommonJS ask for.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  });
  await writeFile(join(outdir, 'LICENSES.txt'), licencesIn(metafile));
}

/**
 * Keeps what packages brought out of the source maps: Node reads a map when it loads the bundle, and one of the AWS SDK
 * would take ten milliseconds of each cold start. An empty map of the file stands for it.
 */
const ownMapsOnly: Plugin = {
  name: 'own-maps-only',
  setup({ onLoad }) {
    const map = Buffer.from('{"version":3,"sources":["node_modules"],"mappings":"AAAA"}').toString('base64');
    onLoad({ filter: /node_modules.*\.[cm]?js$/ }, async ({ path }) => ({
      contents: `${await readFile(path, 'utf8')}\n//# sourceMappingURL=data:application/json;base64,${map}`,
      loader: 'js',
    }));
  },
};

/** The licence texts of the packages that are in the bundles, each text once. */
function licencesIn({ inputs }: Metafile): string {
  const folders = new Set(
    Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []),
  );
  const byText = Map.groupBy([...folders].sort(), textIn);
  const parts = [...byText].map(([text, packages]) => `${packages.map(nameOf).join('\n')}\n\n${text}`);
  return parts.join(`\n\n${'-'.repeat(80)}\n\n`);
}

function textIn(folder: string): string {
  const file = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name));
  if (file) return readFileSync(join(root, folder, file), 'utf8').trim();
  return `Licence: ${manifestIn(folder).license}`;
}

function nameOf(folder: string): string {
  const { name, version } = manifestIn(folder);
  return `${name} ${version}`;
}

function manifestIn(folder: string): { readonly name: string; readonly version: string; readonly license: string } {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}
