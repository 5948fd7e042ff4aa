import { restHandler } from '../lib/handlers/rest.ts';
import { bench, settings } from './aws.ts';

export const handler = restHandler(bench, { allowedOrigins: settings.allowedOrigins });
