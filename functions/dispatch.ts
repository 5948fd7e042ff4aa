import { dispatchHandler } from '../lib/handlers/dispatch.ts';
import { bench } from './aws.ts';

export const handler = dispatchHandler(bench);
