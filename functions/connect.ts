import { connectHandler } from '../lib/handlers/connect.ts';
import { bench } from './aws.ts';

export const handler = connectHandler(bench);
