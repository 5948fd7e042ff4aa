import { setTimeout as sleep } from 'node:timers/promises';
import { systemRandom } from '../handlers/environment.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { withLimits } from '../model/limit-rules.ts';
import { cloudLimits, type Limits, localLimits, localOnDynamoLimits } from '../model/limits.ts';
import { refusalOfNode } from '../model/node-version.ts';
import { BrokerLease, type Master } from './broker-lease.ts';
import { checkOptions } from './check-options.ts';
import type { BrokerOptions, BrokerUrls, RunningBroker } from './options.ts';
import { type BoundedPlace, type Running, run } from './run.ts';
import { prepareStore, type StoreChoice } from './stores.ts';

/**
 * Runs a whole broker in this process, on 127.0.0.1. Resolves when it is the master and its ports are open: while
 * another process is the master of the same data, it waits as the standby. A master that loses its lease becomes the
 * standby again.
 * @throws BrokerError UNAVAILABLE if a port is taken or the data cannot be opened, INVALID_REQUEST for options that are
 *   not valid and limits that cannot be kept, NOT_SUPPORTED on a Node that is too old
 */
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const refusal = refusalOfNode(process.versions.node);
  if (refusal !== undefined) throw new BrokerError('NOT_SUPPORTED', refusal);
  checkOptions(options);
  const limits = withLimits(profileOf(options), options.limits);
  const lifetime = new Lifetime(options, { ...(await prepareStore(choiceOf(options))), limits });
  const first = await lifetime.begin();
  return { ...first, close: () => lifetime.close() };
}

function profileOf({ strict, memory, dynamodb }: BrokerOptions): Limits {
  if (strict) return cloudLimits;
  return dynamodb && !memory ? localOnDynamoLimits : localLimits;
}

function choiceOf({ memory, dynamodb, data = '.cirrusmq' }: BrokerOptions): StoreChoice {
  if (memory) return { kind: 'memory' };
  if (dynamodb) return { kind: 'dynamodb', place: dynamodb };
  return { kind: 'lmdb', data };
}

/** How often a master looks whether what keeps the data open has ended. */
const RETRY_MS = 1_000;

/** Master, standby, master again: until it is closed. */
class Lifetime {
  readonly #options: BrokerOptions;
  readonly #place: BoundedPlace;
  readonly #stop = new AbortController();
  #takesOver: boolean;
  #lease: BrokerLease | undefined;
  #running: Running | undefined;

  constructor(options: BrokerOptions, place: BoundedPlace) {
    this.#options = options;
    this.#takesOver = place.lease?.takesOver ?? false;
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
    await this.#lease?.release();
    await this.#place.close();
  }

  async #lead(): Promise<BrokerUrls | undefined> {
    // One for a mastership: nonces and connection ids of an earlier one begin otherwise.
    const epoch = systemRandom().id().slice(0, 8);
    const { times } = this.#place;
    const record = this.#place.lease && { ...this.#place.lease, takesOver: this.#takesOver };
    // A deployment that claims the broker back is there: it is not followed a second time.
    this.#takesOver = false;
    // Of this mastership alone: what is left of an earlier one may fail late.
    const { promise: failed, resolve: fail } = Promise.withResolvers<BrokerError>();
    if (record) {
      const events = { onStandby: (master: Master) => this.#options.onStandby?.(master), onLost: fail };
      this.#lease = await BrokerLease.claim(record, times, epoch, this.#stop.signal, events);
      if (!this.#lease) return undefined;
    }
    const running = await this.#run(epoch, fail).catch(async (error: unknown) => {
      // What keeps the lease from being given up is, at most, what made this fail.
      await this.#lease?.release().catch(() => {});
      throw error;
    });
    if (this.#stop.signal.aborted) {
      await running?.close();
      return undefined;
    }
    if (!running) return await this.#lead();
    this.#running = running;
    this.#options.onReady?.(running.urls);
    failed.then((error) => this.#retreat(running, error));
    return running.urls;
  }

  /** Waits for what keeps the data open still. @returns undefined if the lease was over before that, or it was closed */
  async #run(epoch: string, fail: (error: BrokerError) => void): Promise<Running | undefined> {
    const lease = this.#lease;
    const isHeld = () => lease?.isHeld ?? true;
    for (let isFirst = true; isHeld() && !this.#stop.signal.aborted; isFirst = false) {
      try {
        return await run(this.#options, this.#place, { epoch, isHeld }, fail);
      } catch (error) {
        if (!(error instanceof BrokerError && error.code === 'NOT_MASTER')) throw error;
        if (isFirst) this.#options.log?.('the data are still open elsewhere', {}, error);
      }
      await sleep(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
    await lease?.release();
    return undefined;
  }

  /** Closes at once what another may have opened already; then waits for its turn, or gives up. */
  #retreat(running: Running, error: BrokerError): void {
    if (this.#stop.signal.aborted) return;
    this.#running = undefined;
    void this.#follow(running, error).catch((failure: unknown) => this.#options.onFatal?.(asBrokerError(failure)));
  }

  async #follow(running: Running, error: BrokerError): Promise<void> {
    this.#options.log?.('broker lease ended', { code: error.code }, error);
    await running.abort();
    await this.#lease?.end();
    if (error.code === 'NOT_MASTER') {
      await this.#lead();
      return;
    }
    await this.#lease?.release().catch(() => {});
    this.#options.onFatal?.(error);
  }
}
