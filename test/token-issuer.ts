import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';

/** An issuer of JSON Web Tokens, with OpenID Connect's discovery on a port of its own. */
export class TokenIssuer {
  static readonly audience = 'cirrusmq-tests';
  readonly #server: Server;
  readonly #key: CryptoKey;
  readonly keys: JSONWebKeySet;
  url = '';
  /** How often its keys were asked for. */
  asked = 0;

  private constructor(key: CryptoKey, keys: JSONWebKeySet) {
    this.#key = key;
    this.keys = keys;
    this.#server = createServer((request, response) => {
      const discovery = { issuer: this.url, jwks_uri: `${this.url}/keys` };
      if (request.url === '/keys') this.asked += 1;
      const found = request.url === '/keys' ? this.keys : discovery;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
    });
  }

  static async open(): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const issuer = new TokenIssuer(privateKey, {
      keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }],
    });
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    issuer.url = `http://127.0.0.1:${(issuer.#server.address() as AddressInfo).port}`;
    return issuer;
  }

  /** One that another process has opened, at this address and with this private key: it signs in its name. */
  static async of(url: string, privateKey: JWK): Promise<TokenIssuer> {
    const key = await importJWK(privateKey, 'ES256');
    const { d: _, ...publicKey } = privateKey;
    const issuer = new TokenIssuer(key as CryptoKey, { keys: [{ ...publicKey, kid: 'one', alg: 'ES256' }] });
    issuer.url = url;
    return issuer;
  }

  /** Its private key, for `of`. */
  privateKey(): Promise<JWK> {
    return exportJWK(this.#key);
  }

  /** A token that is taken, unless the claims say otherwise. */
  sign(claims: JWTPayload = {}, key: CryptoKey | Uint8Array = this.#key, alg = 'ES256'): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const valid = { iss: this.url, aud: TokenIssuer.audience, sub: 'token-user', exp: now + 300, iat: now };
    return new SignJWT({ ...valid, ...claims }).setProtectedHeader({ alg, kid: 'one' }).sign(key);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}
