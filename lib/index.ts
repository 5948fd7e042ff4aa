export type { ErrorCode } from './model/errors.ts';
export { BrokerError } from './model/errors.ts';
export type { BrokerOptions, BrokerUrls, RunningBroker } from './server/options.ts';
export { startBroker } from './server/start-broker.ts';
