import { decodeToken, encodeToken } from '../../../lib/shard/codec/token.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import type { Asked } from '../checks/frame-log.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { type Outgoing, StompClient } from './stomp-client.ts';

const PATIENCE_MS = 3000;
/** No queue of a story has as many messages: what names one so far on was never given out. */
const FAR = 100_000;

export type ForwarderOptions = {
  readonly from: string;
  /** The queues that it forwards to, by turns. */
  readonly to: readonly string[];
  readonly prefetch: number;
  /** How long it gathers what it gets, about. */
  readonly gatherMs: number;
  /** The share of its messages in which one frame is to be refused. */
  readonly faulty: number;
};

type Step = { readonly frame: Outgoing; readonly asked: Asked; readonly got?: Frame };

/**
 * Takes from one queue and sends on to others: SEND, ACK, SEND, ACK, … in one WebSocket message. What it gets again it
 * sends on again, as another message.
 */
export class Forwarder {
  readonly #world: World;
  readonly #options: ForwarderOptions;
  readonly #client: StompClient;
  readonly #name: string;
  #made = 0;
  #life = 0;
  #gathered: Frame[] = [];
  #isOver = false;

  constructor(world: World, site: Site, name: string, options: ForwarderOptions) {
    this.#world = world;
    this.#name = name;
    this.#options = options;
    const { from, prefetch } = options;
    // What it asks for on purpose is refused.
    for (const code of ['INVALID_TOKEN', 'INVALID_HEADER', 'INVALID_DESTINATION', 'INVALID_FRAME']) {
      world.witness.expect(code);
    }
    const headers = { id: name, destination: `/queue/${from}`, ack: 'client-individual' };
    const subscribe = { command: 'SUBSCRIBE', headers: { ...headers, 'prefetch-count': String(prefetch) } };
    this.#client = new StompClient(world, site, [subscribe], {
      onReady: () => {},
      onMessage: (frame) => this.#take(frame),
      onGone: () => {
        world.witness.history.holders.released(this.#who);
        this.#life++;
        this.#gathered = [];
      },
    });
  }

  get client(): Pick<StompClient, 'end'> {
    return {
      end: (isNoticed) => {
        this.#isOver = true;
        this.#client.end(isNoticed);
      },
    };
  }

  get #who(): string {
    return `${this.#name}/${this.#life}`;
  }

  #take(frame: Frame): void {
    const { witness, prng, schedule } = this.#world;
    const { from, gatherMs } = this.#options;
    witness.history.delivered(this.#who, this.#client.connection ?? '', from, frame, 'client-individual');
    this.#gathered.push(frame);
    const life = this.#life;
    schedule.after(prng.latency(gatherMs), () => {
      if (life === this.#life && !this.#isOver) this.#forward(life);
    });
  }

  #forward(life: number): void {
    const { witness, schedule, prng } = this.#world;
    const { history, frames } = witness;
    const gathered = this.#gathered.splice(0);
    if (gathered.length === 0) return;
    const steps = gathered.flatMap((frame) => this.#stepsFor(frame));
    const fault = prng.chance(this.#options.faulty) ? prng.between(0, steps.length - 1) : steps.length;
    if (fault < steps.length) steps.splice(fault, 0, this.#faultyStep(gathered[0] as Frame, steps[fault]));
    frames.sending(steps.map(({ asked }) => asked));
    const sent = steps.slice(0, fault).flatMap(({ asked }) => (asked.kind === 'send' ? [asked.id] : []));
    history.sent.sending(sent);
    for (const { got } of steps.slice(0, fault)) {
      if (got) history.settling(this.#who, this.#options.from, got, 'client-individual', false);
    }
    let isDone = false;
    this.#client.send(
      steps.map(({ frame }) => frame),
      () => {
        isDone = true;
        history.receipted(sent);
      },
    );
    schedule.after(PATIENCE_MS, () => {
      if (!isDone && life === this.#life) this.#client.drop(true);
    });
  }

  #stepsFor(got: Frame): Step[] {
    const { to } = this.#options;
    const id = `${this.#name}.${++this.#made}`;
    const queue = to[this.#made % to.length] ?? '';
    const headers = { destination: `/queue/${queue}` };
    this.#world.witness.history.make(queue, [{ id, headers }]);
    const token = got.headers.ack ?? '';
    const { shard, incarnation, sequence, attempt } = decodeToken(token);
    return [
      { frame: { command: 'SEND', headers, body: id }, asked: { kind: 'send', id } },
      {
        frame: { command: 'ACK', headers: { id: token } },
        asked: { kind: 'settle', shard, incarnation, sequence, attempt },
        got,
      },
    ];
  }

  /** One that cannot be read, or one that can and is refused by its queue; but neighbouring ACKs may pass each other. */
  #faultyStep({ headers }: Frame, next: Step | undefined): Step {
    const token = decodeToken(headers.ack ?? '');
    const id = encodeToken({ ...token, sequence: token.sequence + FAR });
    const isRead = next?.asked.kind === 'send' && this.#world.prng.chance(0.7);
    const frame = isRead ? { command: 'ACK', headers: { id } } : { command: 'SEND', headers: {}, body: 'astray' };
    return { frame, asked: { kind: 'nothing' } };
  }
}
