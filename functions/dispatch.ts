import { dispatchHandler } from '../lib/handlers/dispatch.ts';
import { environment } from './aws.ts';

export const handler = dispatchHandler(environment);
