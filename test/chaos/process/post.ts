import { PATIENCE_MS } from './duty.ts';

/** Posts JSON. Undefined: it failed, or it may not have; what became of it is unknown. */
export async function post(url: string, body: unknown): Promise<unknown> {
  try {
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal });
    const reply: unknown = await response.json();
    return response.ok ? reply : undefined;
  } catch {
    return undefined;
  }
}
