export type { DestinationGroup } from '../lib/model/groups.ts';
export { CirrusBroker } from './broker.ts';
export { Observability, type ObservabilityProps } from './observability.ts';
export type { CirrusBrokerProps, DestinationGroupOptions, TableOptions } from './options.ts';
export { CirrusMqStack, type CirrusMqStackProps } from './stack.ts';
