import type { Access } from '../access/access.ts';
import { readAuthorization, tokenOf } from '../access/credentials.ts';
import type { Principal } from '../access/principal.ts';
import { headerIn } from './events.ts';

/** What of a WebSocket upgrade may show who asks for it. */
export type Upgrade = {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined | null;
  readonly queryStringParameters?: Readonly<Record<string, string | undefined>> | undefined | null;
};

/**
 * Who asks for a WebSocket: by the `Authorization` header or, since a page can set none, by `?access_token=`. Undefined
 * if the upgrade bears no credentials: those of its CONNECT are looked at then.
 * @throws BrokerError UNAUTHENTICATED for wrong ones; OVERLOADED, UNAVAILABLE if it cannot be found out for now
 * @see RFC 6750 §2.3
 */
export async function identify(access: Access, upgrade: Upgrade): Promise<Principal | undefined> {
  const token = upgrade.queryStringParameters?.access_token;
  const header = readAuthorization(headerIn(upgrade.headers ?? {}, 'authorization'));
  const credentials = header ?? (token === undefined ? undefined : tokenOf(token));
  return credentials && (await access.authenticate(credentials));
}
