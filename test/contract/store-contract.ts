import { afterAll, beforeAll, describe } from 'vitest';
import type { Store } from '../../lib/store/port.ts';
import { records, whatIsDue } from './directory-contract.ts';
import { appends, appendsAtOnce, commits, elections, removals, watches } from './heads-contract.ts';
import { blobs } from './items-contract.ts';

export type Opened = { readonly store: Store; close(): Promise<void> };

/**
 * What every store does, whatever it is made of. The store may hold other data: names are fresh.
 * @param writers how many processes may write to it
 */
export function storeContract(name: string, writers: 'one' | 'many', open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    const store = (): Store => opened.store;
    beforeAll(async () => {
      opened = await open();
    }, 60_000);
    afterAll(() => opened?.close());
    appends(store);
    if (writers === 'one') appendsAtOnce(store);
    elections(store);
    commits(store);
    removals(store);
    watches(store);
    blobs(store);
    whatIsDue(store);
    records(store);
  });
}
