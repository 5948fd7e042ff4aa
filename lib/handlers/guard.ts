import type { Access } from '../access/access.ts';
import { credentialsOf } from '../access/credentials.ts';
import type { Grants } from '../access/grants.ts';
import type { Principal } from '../access/principal.ts';
import type { Broker } from '../broker/broker.ts';
import type { Connection } from '../broker/sessions/connections.ts';
import { forgetSession, recordSession } from '../broker/sessions/sessions.ts';
import { formatDestination } from '../model/destination.ts';
import { asBrokerError } from '../model/errors.ts';
import type { Command } from '../stomp/command.ts';
import type { Refusal, Step } from './exchange.ts';

/** What of a message may be carried out, by whom, and what ends it. */
type Admitted = {
  readonly steps: readonly Step[];
  readonly refusal: Refusal | undefined;
  readonly principal: Principal | undefined;
};

/** Holds each command against the rules, in their order, up to the first that is not allowed. Writes no message. */
export async function admit(
  access: Access,
  broker: Broker,
  connection: string,
  { principal }: Connection,
  steps: readonly Step[],
): Promise<Admitted> {
  let who = principal;
  let grants: Grants | undefined;
  for (const [at, { command, receipt }] of steps.entries()) {
    try {
      if (command.kind === 'connect') {
        who = await logIn(access, broker, connection, who, command);
        grants = undefined;
      }
      grants ??= await access.grantsOf(who ?? (await access.authenticate(undefined)));
      check(grants, command);
    } catch (error) {
      return { steps: steps.slice(0, at), refusal: { error: asBrokerError(error), receipt }, principal: who };
    }
  }
  return { steps, refusal: undefined, principal: who };
}

/** Credentials in CONNECT count; without any, those of the upgrade do. */
async function logIn(
  access: Access,
  broker: Broker,
  connection: string,
  fromUpgrade: Principal | undefined,
  { login, passcode }: Command & { readonly kind: 'connect' },
): Promise<Principal> {
  const credentials = credentialsOf(login, passcode);
  const principal = credentials || !fromUpgrade ? await access.authenticate(credentials) : fromUpgrade;
  await recordSession(broker, connection, principal);
  try {
    await access.confirm(principal);
  } catch (error) {
    await forgetSession(broker, connection, principal);
    throw error;
  }
  return principal;
}

/** A message id names nothing but what the connection's own subscriptions were given. */
function check(grants: Grants, command: Command): void {
  switch (command.kind) {
    case 'send':
      grants.demand('write', formatDestination(command.destination));
      break;
    case 'subscribe':
      grants.demand('read', formatDestination(command.destination));
      break;
    case 'acknowledge':
    case 'reject':
      grants.demand('read', command.token.shard);
  }
}
