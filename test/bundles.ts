import { buildBundles } from '../build/bundles.ts';
import { bundlesFolder } from '../infra/bundle.ts';

/** Bundles the functions, which every synthesis takes as they lie there, once for all tests. */
export default async function setup(): Promise<void> {
  await buildBundles(bundlesFolder);
}
