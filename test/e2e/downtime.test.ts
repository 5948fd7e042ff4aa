import { afterEach, expect, it, vi } from 'vitest';
import { startBroker } from '../../lib/index.ts';
import { temporaryFolder } from '../folders.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const json = { 'content-type': 'application/json' };

afterEach(() => {
  vi.useRealTimers();
});

it('a broker that was off for longer than bodies are kept elsewhere delivers everything that it had confirmed', async () => {
  using folder = temporaryFolder();
  const options = { port: 0, data: folder.path };
  const before = await startBroker(options);
  const sent = Array.from({ length: 200 }, (_, at) => `message ${at}`);
  for (const body of sent) await post(`${before.url}/v1/queues/q/messages`, { messages: [{ body }] });
  await before.close();

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 15 * DAY_MS });
  const after = await startBroker(options);
  const received: string[] = [];
  while (received.length < sent.length) {
    const { messages } = await post<{ messages: { body: string }[] }>(`${after.url}/v1/queues/q/receive`, { max: 100 });
    if (messages.length === 0) break;
    received.push(...messages.map(({ body }) => body));
  }
  expect(received).toEqual(sent);
  await after.close();
});

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, { method: 'POST', headers: json, body: JSON.stringify(body) });
  return (await response.json()) as T;
}
