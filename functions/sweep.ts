import { sweepHandler } from '../lib/handlers/sweep.ts';
import { bench } from './aws.ts';

export const handler = sweepHandler(bench);
