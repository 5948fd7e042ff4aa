export type { DestinationGroup } from '../lib/model/groups.ts';
export { CirrusBroker } from './broker.ts';
export type { CirrusBrokerProps, DestinationGroupOptions, TableOptions } from './options.ts';
export { CirrusMqStack } from './stack.ts';
