import { disconnectHandler } from '../lib/handlers/disconnect.ts';
import { environment } from './aws.ts';

export const handler = disconnectHandler(environment);
