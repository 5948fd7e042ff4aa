import { disconnectHandler } from '../lib/handlers/disconnect.ts';
import { bench } from './aws.ts';

export const handler = disconnectHandler(bench);
