import { bundlesFolder } from '../infra/bundle.ts';
import { buildBundles } from './bundles.ts';

await buildBundles(bundlesFolder);
