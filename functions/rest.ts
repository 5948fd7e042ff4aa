import { restHandler } from '../lib/handlers/rest.ts';
import { environment, settings } from './aws.ts';

export const handler = restHandler(environment, { allowedOrigins: settings.allowedOrigins });
