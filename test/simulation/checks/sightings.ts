import { decodeToken } from '../../../lib/shard/codec/token.ts';
import type { Arrival } from './history.ts';
import { must } from './violation.ts';

/** What somebody was given of a message, and how. */
export class Sightings {
  /** Messages that somebody had, by queue and id; dead letters also by the id that they had before. */
  readonly #seen = new Set<string>();
  /** What pulls were given by commits: the message and the attempt, when, and whether it was flagged. */
  readonly #given = new Map<string, { readonly at: number; readonly isRedelivered: boolean }>();
  /** Deliveries that somebody got, by queue, message and attempt, and who that was. */
  readonly #numbers = new Map<string, string>();

  has({ queue, messageId, original }: Arrival): boolean {
    const names = original === undefined ? [messageId] : [messageId, original];
    return names.some((name) => this.#seen.has(`${queue} ${name}`));
  }

  add({ queue, messageId, original }: Arrival): void {
    this.#seen.add(`${queue} ${messageId}`);
    if (original !== undefined) this.#seen.add(`${queue} ${original}`);
  }

  /** A commit gives a message to a pull: the flag is held against what clients have seen by then. */
  give(queue: string, messageId: string, attempt: number, isRedelivered: boolean, at: number): void {
    const isKnown = this.#seen.has(`${queue} ${messageId}`);
    must(isRedelivered || !isKnown, 'what was delivered before carries redelivered', queue, messageId, attempt);
    this.#given.set(`${queue} ${messageId} ${attempt}`, { at, isRedelivered });
  }

  checkGiven(arrival: Arrival, token: string): void {
    const { queue, messageId, isRedelivered } = arrival;
    const given = this.#given.get(`${queue} ${messageId} ${decodeToken(token).attempt}`)?.isRedelivered;
    must(given === isRedelivered, 'a pull gets what a commit gave it', arrival, given);
  }

  /** When a commit gave a pull what it got; infinite if none did. */
  givenAt(queue: string, messageId: string, token: string): number {
    const given = this.#given.get(`${queue} ${messageId} ${decodeToken(token).attempt}`);
    return given?.at ?? Number.POSITIVE_INFINITY;
  }

  /** What one consumer says of a delivery ends no other. */
  number(arrival: Arrival, token: string): void {
    const { incarnation, sequence, attempt } = decodeToken(token);
    const number = `${arrival.queue} ${incarnation} ${sequence} ${attempt}`;
    must(!this.#numbers.has(number), 'a delivery has a number of its own', arrival, attempt, this.#numbers.get(number));
    this.#numbers.set(number, arrival.who);
  }
}
