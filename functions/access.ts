import { Access, type AccessOptions } from '../lib/access/access.ts';
import { readAccessSettings } from '../lib/access/settings.ts';
import type { Store } from '../lib/store/port.ts';

/** What the environment says of who may do what; undefined where everybody may do everything. */
export function accessOn(store: Store, onRefused: AccessOptions['onRefused']): Access | undefined {
  const settings = readAccessSettings(process.env);
  return settings && new Access({ store, now: Date.now, onRefused, ...settings });
}
