import { authorizeHandler } from '../lib/handlers/authorize.ts';
import { bench } from './aws.ts';

export const handler = authorizeHandler(bench);
