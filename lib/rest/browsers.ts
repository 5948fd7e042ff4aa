import type { MiddlewareHandler } from 'hono';
import { BrokerError } from '../model/errors.ts';
import { isAllowedOrigin, isLoopbackHost } from './origin.ts';

const PREFLIGHT_SECONDS = 600;
const METHODS = 'GET, POST, PUT, DELETE';
const HEADERS = 'authorization, content-type';

/**
 * Keeps foreign pages out, and lets allowed ones read the replies.
 * @param allowed origins; `loopback` stands for all of those
 * @param loopbackOnly true if the broker is reached by loopback names alone
 * @see WHATWG Fetch, "CORS protocol"
 */
export function browserRules(allowed: readonly string[], loopbackOnly: boolean): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? new URL(c.req.url).host;
    if (loopbackOnly && !isLoopbackHost(host)) {
      throw forbidden(`This broker is reached as localhost or 127.0.0.1, not as "${host.slice(0, 64)}".`);
    }
    const origin = c.req.header('origin');
    if (!isAllowedOrigin(origin, allowed)) {
      throw forbidden(`Pages of the origin "${origin?.slice(0, 64)}" may not use this broker.`);
    }
    if (origin === undefined) return await next();
    if (c.req.method === 'OPTIONS') return preflight(origin);
    await next();
    c.header('access-control-allow-origin', origin);
    c.header('vary', 'origin');
  };
}

function preflight(origin: string): Response {
  const headers = {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': HEADERS,
    'access-control-max-age': String(PREFLIGHT_SECONDS),
    vary: 'origin',
  };
  return new Response(null, { status: 204, headers });
}

function forbidden(message: string): BrokerError {
  return new BrokerError('FORBIDDEN_ORIGIN', message);
}
