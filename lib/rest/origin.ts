const loopback = /^(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;

/** Stands in a list of origins for all of loopback, at any port. */
export const LOOPBACK = 'loopback';

/**
 * Whether a page of this origin may use the broker. What bears no `Origin` is no page in a browser, and passes. `null`,
 * the origin of files and sandboxed frames, does not.
 * @param origin the `Origin` header
 * @param allowed origins, as browsers write them, `https://example.org`, `https://example.org:8443`; or `loopback`
 * @see RFC 6454; WHATWG Fetch, "CORS protocol"
 */
export function isAllowedOrigin(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes(origin)) return true;
  if (!allowed.includes(LOOPBACK)) return false;
  const [scheme, host = ''] = origin.split('://', 2);
  return (scheme === 'http' || scheme === 'https') && loopback.test(host);
}

/**
 * Whether a `Host` header, with or without a port, names loopback. A page whose name its owner points at 127.0.0.1
 * ("DNS rebinding") is of the same origin as the broker, and shows by its `Host` alone.
 */
export function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && loopback.test(host);
}
