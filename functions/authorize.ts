import { authorizeHandler } from '../lib/handlers/authorize.ts';
import { openDynamoStore } from '../lib/store/dynamodb/dynamodb-store.ts';
import { accessOn } from './access.ts';
import { log, setting } from './environment.ts';

const store = openDynamoStore({ tablePrefix: setting('TABLE_PREFIX') });

export const handler = authorizeHandler({ access: accessOn(store), log });
