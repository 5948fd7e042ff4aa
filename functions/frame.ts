import { frameHandler } from '../lib/handlers/frame.ts';
import { bench } from './aws.ts';

export const handler = frameHandler(bench);
