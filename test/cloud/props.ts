import { Duration } from 'aws-cdk-lib';
import type { CirrusMqStackProps } from '../../infra/stack.ts';

export const groups = [{ name: 'orders', destinations: ['/queue/orders.>'] }];

/** A consumer that is gone is found out by a probe: no test waits for a minute until the first. */
export const limits = { probeMs: 2000 };

/** The broker of the cloud tests that is open to everybody. */
export const openProps: CirrusMqStackProps = {
  access: 'open',
  destinationGroups: groups,
  messageRetention: Duration.days(4),
  allowedOrigins: ['https://app.example'],
  watchedQueues: ['watched'],
  limits,
};
