/** The record of the directory that says who is the master of the broker. */
export const masterKey = { family: 'broker', name: 'master' } as const;

/** Begins no owner of a self-hosted broker. */
const HOST = 'lambda';

/**
 * What a deployment in AWS writes there. Nobody renews it: it holds for as long as it is there. A sweep that is switched
 * off, or throttled, says nothing of whether functions serve these tables, so that no time makes the claim end.
 */
export const deploymentClaim: Uint8Array = Buffer.from(JSON.stringify({ owner: 'a deployment in AWS', host: HOST }));

/** Whether a claim, as it was read, is a deployment's. */
export function isOfDeployment(claim: { readonly host?: unknown }): boolean {
  return claim.host === HOST;
}
