import type { Prng } from '../simulation/prng.ts';
import { damaged, randomBytes } from './damage.ts';
import { mutated, valid } from './json-values.ts';
import { type Document, type Operation, operationsOf } from './openapi-document.ts';

/** A request as octets, with the operation that it is meant for. */
export type Request = { readonly kind: string; readonly method: string; readonly octets: Buffer };

const NAMES = ['fuzz.r', 'fuzz.r', 'fuzz.r', 'fuzz%2Fa', 'fuzz/b/c', 'DLQ.fuzz.r'] as const;
const ODD_NAMES = [
  '',
  '/',
  '%',
  '%ff',
  '%00',
  '%2e%2e',
  '..',
  '../..',
  '//evil/',
  '*',
  '%E2%82',
  'a b'.replace(' ', '%20'),
  'ü'.repeat(3),
  'x'.repeat(300),
  'messages',
  'a/messages',
  'receive',
  '%2F',
  'a%2F',
  '[::1]',
  '\\',
  '^`{|}',
  '#x',
  '?x=%',
  '%u1234',
  '__proto__',
] as const;
const ODD_PATHS = [
  '',
  '/',
  '//',
  '/v1',
  '/v1/queues/',
  '/v1//queues',
  '/../etc',
  '/health/',
  '/%',
  '/@connections/',
  '/@connections/%',
  '/@connections/%ff',
  '*',
  'http://127.0.0.1/health',
  'http://[',
  '//[',
] as const;
const TYPES = [
  'application/json',
  'text/plain',
  'application/octet-stream',
  'APPLICATION/JSON; charset=x',
  '',
  'multipart/form-data',
  'a'.repeat(500),
] as const;
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'PURGE'] as const;
const ODD_QUERIES = [
  '?',
  '?limit=',
  '?limit=1e9',
  '?limit=-1',
  '?limit=NaN',
  '?after=%',
  '?after=%ff',
  '?after=\u0000'.replace('\u0000', '%00'),
  '?a=b&a=c',
  '?limit=1&limit=2',
  `?after=${'y'.repeat(3_000)}`,
] as const;

/** Requests made from the description of the interface, right and wrong. */
export class RestRequests {
  readonly #document: Document;
  readonly #operations: readonly Operation[];
  readonly #host: string;
  /** Tokens that were received, for the requests that need some. */
  readonly tokens: string[] = [];

  constructor(document: Document, host: string) {
    this.#document = document;
    this.#operations = operationsOf(document);
    this.#host = host;
  }

  next(prng: Prng): Request {
    const operation = this.#operations[prng.between(0, this.#operations.length - 1)] as Operation;
    const { path, method, parameters = [] } = operation;
    const query = parameters.filter((one) => one.in === 'query' && prng.chance(0.5));
    const values = query.map(
      ({ name, schema }) => `${name}=${encodeURIComponent(String(valid(this.#document, schema, prng, [], name)))}`,
    );
    const target = `${path.replace('{name}', prng.pick(NAMES))}${values.length > 0 ? `?${values.join('&')}` : ''}`;
    const { type, body } = this.#bodyFor(operation, prng);
    switch (prng.between(0, 5)) {
      case 0:
        return this.#request(`rest: valid ${operation.operationId}`, method, target, type, body);
      case 1:
        return this.#request('rest: odd path', method, this.#oddTarget(path, prng), type, body);
      case 2:
        return this.#request('rest: odd method or type', prng.pick(METHODS), target, prng.pick(TYPES), body);
      case 3:
        return this.#request(
          'rest: damaged body',
          method,
          target,
          type,
          body.length > 0 ? damaged(body, prng) : randomBytes(prng, 50),
        );
      default: {
        const odd = JSON.stringify(mutated(this.#valueFor(operation, prng), prng)) ?? '';
        return this.#request('rest: wrong values', method, target, 'application/json', Buffer.from(odd));
      }
    }
  }

  #oddTarget(path: string, prng: Prng): string {
    if (prng.chance(0.3)) return prng.pick(ODD_PATHS);
    const name = prng.chance(0.2)
      ? randomBytes(prng, 8)
          .toString('latin1')
          .replaceAll(/[\s\0-\x20]/g, '%')
      : prng.pick(ODD_NAMES);
    return `${path.replace('{name}', name)}${prng.chance(0.3) ? prng.pick(ODD_QUERIES) : ''}`;
  }

  #valueFor({ requestBody }: Operation, prng: Prng): unknown {
    const schema = requestBody?.content['application/json']?.schema;
    return schema ? valid(this.#document, schema, prng, this.tokens) : {};
  }

  #bodyFor(operation: Operation, prng: Prng): { type: string; body: Buffer } {
    const types = Object.keys(operation.requestBody?.content ?? {});
    const type = types[prng.between(0, types.length - 1)] ?? '';
    if (type === '') return { type, body: Buffer.alloc(0) };
    if (type === 'application/json')
      return { type, body: Buffer.from(JSON.stringify(this.#valueFor(operation, prng))) };
    return { type, body: type === 'text/plain' ? Buffer.from('text ü') : randomBytes(prng, 30) };
  }

  #request(kind: string, method: string, target: string, type: string, body: Buffer): Request {
    // The reply to 1.0 comes in one piece, unchunked.
    const headers = [
      `${method} ${target} HTTP/1.0`,
      `host: ${this.#host}`,
      'connection: close',
      ...(type === '' ? [] : [`content-type: ${type}`]),
      ...(body.length > 0 ? [`content-length: ${body.length}`] : []),
    ];
    return { kind, method, octets: Buffer.concat([Buffer.from(`${headers.join('\r\n')}\r\n\r\n`, 'latin1'), body]) };
  }
}
