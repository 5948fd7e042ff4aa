import { BrokerError } from '../model/errors.ts';

/** Who somebody says to be, and the proof. Neither is ever kept or logged. */
export type Credentials =
  | { readonly kind: 'password'; readonly name: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string };

const PASSWORD_BYTES_MIN = 8;
const PASSWORD_BYTES_MAX = 256;
const TOKEN_BYTES_MAX = 8 * 1024;
const userName = /^[\p{L}\p{N}._@+-]{1,64}$/u;

/** One text for whatever is wrong: it does not tell whether there is such a user. */
export function notAuthenticated(): BrokerError {
  return new BrokerError('UNAUTHENTICATED', 'The credentials are not valid.');
}

/** @throws BrokerError INVALID_REQUEST */
export function checkUserName(name: string): void {
  if (userName.test(name)) return;
  const allowed = '1 to 64 letters, digits and . _ @ + -';
  throw new BrokerError('INVALID_REQUEST', `The user's name "${name.slice(0, 64)}" is not valid: it is ${allowed}.`);
}

/** @throws BrokerError INVALID_REQUEST */
export function checkNewPassword(password: string): void {
  const bytes = Buffer.byteLength(password);
  if (bytes >= PASSWORD_BYTES_MIN && bytes <= PASSWORD_BYTES_MAX) return;
  const allowed = `${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} octets`;
  throw new BrokerError('INVALID_REQUEST', `The password has ${bytes} octets; it may have ${allowed}.`);
}

/**
 * What a login and a passcode mean: a user's password or, without a login, a token. Undefined if there is neither.
 * @throws BrokerError UNAUTHENTICATED for what can be no credentials
 * @see STOMP 1.2 CONNECT; RabbitMQ: OAuth 2, which takes the token as the password
 */
export function credentialsOf(login = '', passcode = ''): Credentials | undefined {
  if (login === '' && passcode === '') return undefined;
  if (login === '') return tokenOf(passcode);
  if (!userName.test(login) || Buffer.byteLength(passcode) > PASSWORD_BYTES_MAX) throw notAuthenticated();
  return { kind: 'password', name: login, password: passcode };
}

/** @throws BrokerError UNAUTHENTICATED if it is longer than any that is taken */
export function tokenOf(token: string): Credentials {
  if (token === '' || Buffer.byteLength(token) > TOKEN_BYTES_MAX) throw notAuthenticated();
  return { kind: 'token', token };
}

/**
 * What an `Authorization` header says; undefined if there is none.
 * @throws BrokerError UNAUTHENTICATED for another scheme, or what can be no credentials
 * @see RFC 7617 (Basic), RFC 6750 (Bearer)
 */
export function readAuthorization(header: string | undefined): Credentials | undefined {
  if (header === undefined) return undefined;
  const [, scheme = '', rest = ''] = /^(\S+) +(\S+) *$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'basic': {
      const text = Buffer.from(rest, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      const credentials = colon === -1 ? undefined : credentialsOf(text.slice(0, colon), text.slice(colon + 1));
      if (credentials) return credentials;
      throw notAuthenticated();
    }
    case 'bearer':
      return tokenOf(rest);
    default:
      throw new BrokerError('UNAUTHENTICATED', 'The Authorization header is of the scheme Basic or Bearer.');
  }
}
