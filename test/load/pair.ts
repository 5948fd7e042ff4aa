import { setTimeout as sleep } from 'node:timers/promises';
import { RawStomp } from '../raw-stomp.ts';

const LOOK_MS = 20;
const DRAIN_MS = 20_000;

/** A producer and a consumer of one queue, a connection each, that measure how long messages take between them. */
export class Pair {
  readonly #producer: RawStomp;
  readonly #consumer: RawStomp;
  readonly #queue: string;
  readonly #filling: string;
  #sent = 0;
  #latencies: number[] = [];
  #onGot: () => void = () => {};
  #lastGot = performance.now();
  /** The longest that the consumer waited for its next message, in milliseconds. */
  longestGap = 0;

  private constructor(producer: RawStomp, consumer: RawStomp, queue: string, bodyBytes: number) {
    this.#producer = producer;
    this.#consumer = consumer;
    this.#queue = queue;
    this.#filling = 'x'.repeat(bodyBytes);
    void this.#consume();
  }

  static async open(url: string, queue: string, bodyBytes = 200): Promise<Pair> {
    const [producer, consumer] = await Promise.all([RawStomp.connect(url), RawStomp.connect(url)]);
    await consumer.ask(
      `SUBSCRIBE\nid:1\ndestination:/queue/${queue}\nack:client-individual\nprefetch-count:100\nreceipt:s\n\n\0`,
    );
    return new Pair(producer, consumer, queue, bodyBytes);
  }

  /** Sends so many a second. @returns milliseconds from sending to arrival, of each message */
  async paced(seconds: number, perSecond: number): Promise<number[]> {
    const begun = performance.now();
    this.#lastGot = begun;
    this.longestGap = 0;
    for (let n = 0; n < seconds * perSecond; n++) {
      const wait = begun + (n * 1000) / perSecond - performance.now();
      if (wait > 1) await sleep(wait);
      this.#send();
    }
    return await this.#taken();
  }

  /** Keeps `window` messages under way, `count` in all. */
  async windowed(count: number, window: number): Promise<number[]> {
    const last = this.#sent + count;
    this.#onGot = () => {
      if (this.#sent < last) this.#send();
    };
    for (let n = 0; n < window; n++) this.#onGot();
    while (this.#sent < last) await sleep(LOOK_MS);
    return await this.#taken();
  }

  close(): void {
    this.#producer.destroy();
    this.#consumer.destroy();
  }

  /** Resolves when all that was sent has come. */
  async #taken(): Promise<number[]> {
    const end = performance.now() + DRAIN_MS;
    while (this.#latencies.length < this.#sent && performance.now() < end) await sleep(LOOK_MS);
    if (this.#latencies.length < this.#sent)
      throw new Error(`Of ${this.#sent} messages ${this.#latencies.length} came.`);
    const latencies = this.#latencies;
    this.#latencies = [];
    this.#sent = 0;
    return latencies;
  }

  #send(): void {
    this.#sent++;
    this.#producer.send(`SEND\ndestination:/queue/${this.#queue}\n\n${performance.now()} ${this.#filling}\0`);
  }

  async #consume(): Promise<void> {
    for (;;) {
      const { command, headers, body } = await this.#consumer.next();
      if (command !== 'MESSAGE') continue;
      this.longestGap = Math.max(this.longestGap, performance.now() - this.#lastGot);
      this.#lastGot = performance.now();
      this.#latencies.push(performance.now() - Number.parseFloat(Buffer.from(body).toString('latin1')));
      this.#consumer.send(`ACK\nid:${headers.ack}\n\n\0`);
      this.#onGot();
    }
  }
}

/** The value below which this share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export function latencyOf(values: readonly number[]): string {
  return `p50 ${percentile(values, 0.5).toFixed(1)} ms, p99 ${percentile(values, 0.99).toFixed(1)} ms`;
}
