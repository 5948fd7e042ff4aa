import { restHandler } from '../lib/handlers/rest.ts';
import { bench } from './aws.ts';

export const handler = restHandler(bench, {
  allowedOrigins: (process.env.ALLOWED_ORIGINS ?? '').split(',').filter(Boolean),
});
