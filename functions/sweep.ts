import { sweepHandler } from '../lib/handlers/sweep.ts';
import { environment } from './aws.ts';

export const handler = sweepHandler(environment);
