import { expect, it } from 'vitest';
import { BrokerError } from '../../../lib/model/errors.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Append, AppendOutcome } from '../../../lib/store/port.ts';
import { ApiClient } from './api-client.ts';

/** Has no room for what is to be appended. */
class FullStore extends MemoryStore {
  isFull = true;

  override async append(shard: string, append: Append): Promise<AppendOutcome> {
    if (this.isFull) throw new BrokerError('OVERLOADED', 'The disk is full.', { details: { disk: 'full' } });
    return await super.append(shard, append);
  }
}

it('a transaction that was certainly not carried out may be tried again under its id', async () => {
  const store = new FullStore();
  const api = new ApiClient({}, {}, { store });
  const asked = { id: 'chosen-by-the-client', sends: [{ destination: 'q', body: 'a' }] };
  expect((await api.post('/v1/transactions', asked)).json.error.code).toBe('OVERLOADED');
  store.isFull = false;
  for (let tries = 0; tries < 2; tries++) {
    expect((await api.post('/v1/transactions', asked)).json).toEqual({ id: asked.id, state: 'committed' });
  }
  expect((await api.ask('GET', '/v1/queues/q')).json.depth).toBe(1);
});

it('what is no id of a transaction is refused, however long it is', async () => {
  const api = new ApiClient();
  const far = Buffer.from(`/queue/${'x'.repeat(6000)}`).toString('base64url');
  for (const id of ['short', `aaaaaaaaaaaaaaaa.${far}`]) {
    expect((await api.ask('GET', `/v1/transactions/${id}`)).json.error.code).toBe('INVALID_REQUEST');
  }
});
