import { connectHandler } from '../lib/handlers/connect.ts';
import { environment } from './aws.ts';

export const handler = connectHandler(environment);
