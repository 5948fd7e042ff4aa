import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../functions/waiters.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { dispatchHandler } from '../../../lib/handlers/dispatch.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { countingStore } from '../../../lib/store/counting.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from '../broker/environment.ts';
import { restCalls } from '../handlers/rest-calls.ts';

const NOW = 1_700_000_000_500;
const ENVIRONMENTS = 20;
const noContext = {} as Context;

/** One queue with one subscriber, and so many environments of the REST function. Time passes when it is told to. */
class Story {
  readonly store = countingStore(new MemoryStore());
  /** When each invocation that sleeps wakes. */
  readonly asleep: number[] = [];
  mostAsleep = 0;
  begun = 0;
  readonly #messages: string[] = [];
  readonly #rests = Array.from({ length: ENVIRONMENTS }, () => restCalls(this.#environment()));
  readonly #frames = frameHandler(this.#environment());
  readonly #dispatch = dispatchHandler(this.#environment());
  #now = NOW;
  #calls = 0;

  #environment(): Environment {
    const waiters = new Waiters();
    const now = () => this.#now;
    return environmentOn(this.store.store, {
      clock: { now, date: now, sleep: async () => {} },
      dispatch: (shard, nonce) => this.#dispatch({ shard, nonce }, noContext),
      push: {
        post: async (_connection, octets) => {
          const frames = Buffer.from(octets).toString().split('\0');
          for (const frame of frames)
            if (/^\s*MESSAGE/.test(frame)) this.#messages.push(frame.match(/^ack:(.+)$/m)?.[1] ?? '');
          return 'sent';
        },
        close: async () => {},
        isOpen: async () => true,
      },
      wakeAt: (shard, _at, awaitedAt) => {
        if (awaitedAt === undefined || !waiters.shouldWait(shard, awaitedAt, now())) return;
        this.asleep.push(awaitedAt);
        this.begun++;
        this.mostAsleep = Math.max(this.mostAsleep, this.asleep.length);
      },
    });
  }

  async subscribe(prefetch: number): Promise<void> {
    await connectHandler(this.#environment())({ requestContext: { connectionId: 'c' } }, noContext);
    await this.#frame('CONNECT\naccept-version:1.2\nhost:x\n\n\0');
    await this.#frame(`SUBSCRIBE\nid:1\ndestination:/queue/q\nack:client-individual\nprefetch-count:${prefetch}\n\n\0`);
  }

  /** The deliveries that the subscriber has not acknowledged yet, by their tokens. */
  get pushed(): readonly string[] {
    return this.#messages;
  }

  async acknowledgePushed(): Promise<void> {
    for (const id of this.#messages.splice(0)) await this.#frame(`ACK\nid:${id}\n\n\0`);
  }

  async send(): Promise<void> {
    await this.#rest('messages', { body: 'x' });
  }

  /** @returns the token of a message that was received */
  async receive(visibilitySeconds = 30): Promise<string | undefined> {
    const { messages } = await this.#rest('receive', { max: 1, visibilitySeconds });
    return messages[0]?.token;
  }

  async acknowledge(token: string | undefined): Promise<void> {
    await this.#rests[0]?.('POST', '/v1/deliveries/acknowledge', { tokens: [token] });
  }

  /** Lets time pass, and whoever sleeps wake at its time. */
  async pass(ms: number): Promise<void> {
    for (const end = this.#now + ms; ; ) {
      const next = Math.min(...this.asleep, end);
      this.#now = Math.max(this.#now, next);
      const at = this.asleep.indexOf(next);
      if (at === -1) return;
      this.asleep.splice(at, 1);
      await this.#dispatch({ shard: '/queue/q', at: next }, noContext);
    }
  }

  async #rest(what: string, json: object) {
    return await this.#rests[this.#calls++ % ENVIRONMENTS]?.('POST', `/v1/queues/q/${what}`, json);
  }

  async #frame(body: string): Promise<void> {
    await this.#frames({ requestContext: { connectionId: 'c' }, body, isBase64Encoded: false }, noContext);
  }
}

describe('invocations that sleep for one shard', () => {
  it('are one at most while many environments send, receive and acknowledge beside a subscriber with room', async () => {
    const story = new Story();
    await story.subscribe(1);
    const work = async (rounds: number, stepMs: number) => {
      for (let round = 0; round < rounds; round++) {
        await story.send();
        await story.send();
        const token = await story.receive();
        await story.acknowledgePushed();
        await story.pass(stepMs);
        await story.acknowledge(token);
      }
    };
    await work(10 * ENVIRONMENTS, 100);
    expect([story.mostAsleep, story.begun]).toEqual([1, 1]);
    // The next one is asked for a moment before the first wakes.
    await work(10 * ENVIRONMENTS, 500);
    expect([story.mostAsleep, story.begun]).toEqual([2, 5]);
  });

  it('are none while the subscriber has no room, and none for what it has itself', async () => {
    const story = new Story();
    await story.subscribe(1);
    await story.send();
    for (let round = 0; round < 2 * ENVIRONMENTS; round++) {
      await story.send();
      await story.acknowledge(await story.receive());
    }
    expect(story.mostAsleep).toBe(0);
  });

  it('bring the subscriber what somebody received and forgot, although it had no room then', async () => {
    const story = new Story();
    await story.subscribe(1);
    await story.send();
    await story.send();
    expect(await story.receive(20)).toBeDefined();
    await story.acknowledgePushed();
    expect(story.asleep).toHaveLength(1);
    await story.pass(19_000);
    expect(story.pushed).toHaveLength(0);
    await story.pass(2000);
    expect(story.pushed).toHaveLength(1);
  });

  it('are four at most, however the deadlines are chosen', async () => {
    const story = new Story();
    await story.subscribe(1);
    await story.send();
    for (let visibility = 59; visibility > 0; visibility--) {
      await story.send();
      await story.receive(visibility);
    }
    expect(story.mostAsleep).toBe(0);
    await story.acknowledgePushed();
    expect(story.asleep).toHaveLength(1);
    const beside = new Story();
    await beside.subscribe(60);
    for (let visibility = 59; visibility > 0; visibility--) {
      await beside.send();
      await beside.receive(visibility);
    }
    expect(beside.mostAsleep).toBeLessThanOrEqual(4);
  });

  it('cost no write of their own where somebody else has seen to what they slept for', async () => {
    const story = new Story();
    await story.subscribe(1);
    await story.send();
    await story.send();
    const token = await story.receive(20);
    await story.acknowledgePushed();
    await story.acknowledge(token);
    story.store.reset();
    await story.pass(60_000);
    expect(story.asleep).toEqual([]);
    expect(story.store.counts().total.writes).toBe(0);
  });
});
