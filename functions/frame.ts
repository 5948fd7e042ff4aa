import { frameHandler } from '../lib/handlers/frame.ts';
import { environment } from './aws.ts';

export const handler = frameHandler(environment);
