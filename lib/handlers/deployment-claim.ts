import { deploymentClaim, isOfDeployment, masterKey } from '../model/deployment.ts';
import type { Store } from '../store/port.ts';

/**
 * Claims the broker for this deployment, if nobody has: from now on a self-hosted broker on the same tables is a
 * standby. One write for an execution environment, at its first connection.
 */
export async function claimIfFree(store: Store): Promise<void> {
  await store.putRecord(masterKey, deploymentClaim, { expected: null });
}

/** Claims the broker for this deployment, or claims it back: functions serve these tables whoever else may. */
export async function claimForDeployment(store: Store): Promise<void> {
  const current = await store.getRecord(masterKey);
  if (current && isOfDeployment(claimIn(current))) return;
  await store.putRecord(masterKey, deploymentClaim, { expected: current ?? null });
}

function claimIn(bytes: Uint8Array): { readonly host?: unknown } {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as { host?: unknown };
  } catch {
    return {};
  }
}
