import { systemRandom } from '../handlers/parts.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { cloudLimits } from '../model/limits.ts';
import { Mastership } from './mastership.ts';
import type { BrokerOptions, BrokerUrls, RunningBroker } from './options.ts';
import { type Running, run } from './run.ts';
import { prepareStore, type StoreChoice, type StorePlace } from './stores.ts';

/**
 * Runs a whole broker in this process, on 127.0.0.1. Resolves when it is the master and its ports are open: while
 * another process is the master of the same data, it waits as the standby. A master that loses its lease becomes the
 * standby again.
 * @throws BrokerError UNAVAILABLE if a port is taken or the data cannot be opened
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const prepared = await prepareStore(choiceOf(options));
  const profile = options.strict ? cloudLimits : prepared.limits;
  const place = { ...prepared, limits: { ...profile, ...options.limits } };
  const lifetime = new Lifetime(options, place);
  const first = await lifetime.begin();
  return { ...first, close: () => lifetime.close() };
}

function choiceOf({ memory, dynamodb, data = '.cirrusmq' }: BrokerOptions): StoreChoice {
  if (memory) return { kind: 'memory' };
  if (dynamodb) return { kind: 'dynamodb', place: dynamodb };
  return { kind: 'lmdb', data };
}

/** Master, standby, master again: until it is closed. */
class Lifetime {
  readonly #options: BrokerOptions;
  readonly #place: StorePlace;
  readonly #stop = new AbortController();
  #mastership: Mastership | undefined;
  #running: Running | undefined;

  constructor(options: BrokerOptions, place: StorePlace) {
    this.#options = options;
    this.#place = place;
  }

  /** Resolves once this process has been the master for the first time. */
  async begin(): Promise<BrokerUrls> {
    const urls = await this.#lead();
    if (!urls) throw new BrokerError('UNAVAILABLE', 'The broker was closed before it became the master.');
    return urls;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running?.close();
    await this.#mastership?.release();
    await this.#place.close();
  }

  async #lead(): Promise<BrokerUrls | undefined> {
    // One for a mastership: nonces and connection ids of an earlier one begin otherwise.
    const epoch = systemRandom().id().slice(0, 8);
    const { lease, times } = this.#place;
    // Of this mastership alone: what is left of an earlier one may fail late.
    const { promise: failed, resolve: fail } = Promise.withResolvers<BrokerError>();
    if (lease) {
      this.#mastership = await Mastership.claim(lease, times, epoch, this.#stop.signal, {
        onStandby: () => this.#options.onStandby?.(),
        onLost: () => fail(new BrokerError('NOT_MASTER', 'Another process has become the master.')),
      });
      if (!this.#mastership) return undefined;
    }
    const mastership = this.#mastership;
    const isHeld = () => mastership?.isHeld ?? true;
    const running = await run(this.#options, this.#place, { epoch, isHeld }, fail).catch(async (error: unknown) => {
      await this.#mastership?.release();
      throw error;
    });
    if (this.#stop.signal.aborted) {
      await running.close();
      return undefined;
    }
    this.#running = running;
    this.#options.onReady?.(running.urls);
    failed.then((error) => this.#retreat(running, error));
    return running.urls;
  }

  /** Closes at once what another may have opened already; then waits for its turn, or gives up. */
  #retreat(running: Running, error: BrokerError): void {
    if (this.#stop.signal.aborted) return;
    this.#running = undefined;
    void this.#follow(running, error).catch((failure: unknown) => this.#options.onFatal?.(asBrokerError(failure)));
  }

  async #follow(running: Running, error: BrokerError): Promise<void> {
    this.#options.log?.('mastership ended', { code: error.code }, error);
    await running.abort();
    await this.#mastership?.end();
    if (error.code === 'NOT_MASTER') {
      await this.#lead();
      return;
    }
    await this.#mastership?.release();
    this.#options.onFatal?.(error);
  }
}
