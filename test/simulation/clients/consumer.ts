import type { AckMode, Headers } from '../../../lib/model/message.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { StompClient } from './stomp-client.ts';

const PATIENCE_MS = 2500;
const TRIES = 4;

export type ConsumerOptions = {
  readonly queue: string;
  readonly ack: AckMode;
  readonly prefetch: number;
  readonly thinkMs: number;
  /** It names a message by its id, as STOMP 1.1 does, and not its delivery. */
  readonly namesById?: boolean;
  /** The share of deliveries that it rejects, and of those that it never answers. */
  readonly rejects: number;
  readonly forgets: number;
  /** How long it wants what it rejects to wait, at most, and the shares of that for which it wants that, or no delivery more. */
  readonly requeues?: { readonly delayMs: number; readonly later: number; readonly never: number };
  /** What begins like this it rejects, however well it is. */
  readonly refuses?: string;
  /** How often its connection may break, about. */
  readonly lifeMs?: number;
};

/** Subscribes, and settles what it gets, or does not. */
export class Consumer {
  readonly #world: World;
  readonly #options: ConsumerOptions;
  readonly #client: StompClient;
  readonly #name: string;
  #life = 0;
  #isWell = false;

  constructor(world: World, site: Site, name: string, options: ConsumerOptions) {
    const { queue, ack, prefetch } = options;
    this.#world = world;
    this.#name = name;
    this.#options = options;
    const subscription = { id: name, destination: `/queue/${queue}`, ack, 'prefetch-count': String(prefetch) };
    const events = {
      onReady: () => this.#breakSometimes(this.#life),
      onMessage: (frame: Frame) => this.#take(frame),
      onGone: () => {
        world.witness.history.holders.released(this.#who);
        this.#life++;
      },
    };
    const subscribe = { command: 'SUBSCRIBE', headers: subscription };
    this.#client = new StompClient(world, site, [subscribe], events, options.namesById ? '1.1' : '1.2');
  }

  get client(): StompClient {
    return this.#client;
  }

  /** It answers everything, from now on. */
  getWell(): void {
    this.#isWell = true;
  }

  get #who(): string {
    return `${this.#name}/${this.#life}`;
  }

  #breakSometimes(life: number): void {
    const { faults, pace } = this.#world;
    pace.rest(this.#options.lifeMs ?? 500, () => {
      if (life !== this.#life) return;
      if (faults.strike('connection dropped')) this.#client.drop(true);
      else if (faults.strike('connection vanished')) this.#client.drop(false);
      else this.#breakSometimes(life);
    });
  }

  #take(frame: Frame): void {
    const { prng, schedule, witness } = this.#world;
    const { ack, queue, thinkMs, rejects, forgets, refuses } = this.#options;
    witness.history.delivered(this.#who, this.#client.connection ?? '', queue, frame, ack);
    if (ack === 'auto') return;
    if (!this.#isWell && prng.chance(forgets)) return;
    const isRefused = refuses !== undefined && Buffer.from(frame.body).toString().startsWith(refuses);
    const isRejected = isRefused || (!this.#isWell && prng.chance(rejects));
    const life = this.#life;
    const wish = isRejected ? this.#wish() : {};
    schedule.after(prng.latency(thinkMs), () => this.#settle(frame, isRejected, wish, life, TRIES));
  }

  /** What it wants to become of what it rejects. */
  #wish(): Headers {
    const { prng } = this.#world;
    const { later, never, delayMs } = this.#options.requeues ?? { later: 0, never: 0, delayMs: 0 };
    if (later + never === 0) return {};
    if (prng.chance(never)) return { requeue: 'false' };
    return prng.chance(later) ? { delay: String(prng.between(0, delayMs)) } : {};
  }

  #settle(frame: Frame, isRejected: boolean, wish: Headers, life: number, tries: number): void {
    const { schedule, witness } = this.#world;
    if (life !== this.#life) return;
    if (tries === 0) {
      this.#client.drop(true);
      return;
    }
    let isDone = false;
    witness.history.settling(this.#who, this.#options.queue, frame, this.#options.ack, isRejected);
    const headers = { ...this.#naming(frame), ...wish };
    this.#client.send([{ command: isRejected ? 'NACK' : 'ACK', headers }], () => {
      isDone = true;
    });
    schedule.after(PATIENCE_MS, () => {
      if (!isDone) this.#settle(frame, isRejected, wish, life, tries - 1);
    });
  }

  #naming({ headers }: Frame): Headers {
    const { 'message-id': messageId = '', ack = '' } = headers;
    return this.#options.namesById ? { 'message-id': messageId, subscription: this.#name } : { id: ack };
  }
}
