import type { ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { isThrottled } from './failures.ts';

/** Takes what calls consume, as their replies say, and each time that one is put off. */
export type Consumption = {
  readonly consumed: (kind: 'read' | 'write', units: number) => void;
  readonly throttled: () => void;
};

/** Asks for the consumption with each call, which costs nothing. A call that fails, its condition included, tells none. */
export function report(client: DynamoDBClient, consumption: Consumption): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
        const { ConsumedCapacity: capacity = [] } = result.output as {
          ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[];
        };
        const units = [capacity].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
        if (units > 0) consumption.consumed(isRead(commandName) ? 'read' : 'write', units);
        return result;
      },
    { step: 'initialize', name: 'consumption' },
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (isThrottled(error)) consumption.throttled();
        throw error;
      }
    },
    // Within the SDK's repeats: each try counts.
    { step: 'finalizeRequest', priority: 'low', name: 'throttles' },
  );
}

function isRead(command: string): boolean {
  return /^(Get|BatchGet|Query|Scan)/.test(command);
}
