import type { Frame } from '../../lib/stomp/frame.ts';
import { RawStomp } from '../raw-stomp.ts';

/** A healthy session: as long as it sings, the broker serves those who do nothing wrong. */
export class Canary {
  readonly #session: RawStomp;
  #songs = 0;

  private constructor(session: RawStomp) {
    this.#session = session;
  }

  static async hatch(stompUrl: string): Promise<Canary> {
    const session = await RawStomp.connect(stompUrl);
    const subscribed = await session.ask('SUBSCRIBE\nid:c\ndestination:/queue/canary\nack:client\nreceipt:s\n\n\0');
    if (subscribed.command !== 'RECEIPT') throw new Error(`The canary was refused: ${subscribed.command}`);
    return new Canary(session);
  }

  /** Sends a message, gets it, and acknowledges it; true if all of it was as it should be. */
  async sings(): Promise<boolean> {
    const song = `song ${++this.#songs}`;
    this.#session.send(`SEND\ndestination:/queue/canary\nreceipt:sent\n\n${song}\0`);
    const frames = [await this.#session.next(), await this.#session.next()];
    const message = frames.find(({ command }) => command === 'MESSAGE');
    const receipt = frames.find(({ command }) => command === 'RECEIPT');
    if (!receipt || !message || bodyOf(message) !== song) return false;
    const settled = await this.#session.ask(`ACK\nid:${message.headers.ack}\nreceipt:acked\n\n\0`);
    return settled.headers['receipt-id'] === 'acked';
  }

  die(): void {
    this.#session.destroy();
  }
}

function bodyOf({ body }: Frame): string {
  return Buffer.from(body).toString();
}
