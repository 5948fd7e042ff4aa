import { Logger } from '@aws-lambda-powertools/logger';
import { authorizeHandler } from '../lib/handlers/authorize.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';
import { accessOn } from './access.ts';
import { cloudLogs } from './logs.ts';
import { required } from './settings.ts';

const tablePrefix = required(process.env, 'TABLE_PREFIX');
const { log } = cloudLogs(new Logger({ serviceName: tablePrefix }));

export const handler = authorizeHandler({ access: accessOn(openDynamoStore({ tablePrefix })), log });
