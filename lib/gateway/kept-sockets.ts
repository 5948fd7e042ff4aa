import { Agent, type AgentOptions } from 'node:http';
import { Agent as SecureAgent } from 'node:https';

/** An environment that made no call for so long may have been frozen, and its sockets closed by the other side. */
const ASLEEP_MS = 5000;
const CONNECT_MS = 2000;
const REQUEST_MS = 5000;

/**
 * Sockets that a client of an AWS service keeps from call to call, as many as it has calls at once. None of them is used
 * after the execution environment slept: what is sent on a socket that died meanwhile fails, and nobody knows whether it
 * arrived.
 */
export class KeptSockets {
  readonly #agents: readonly [Agent, SecureAgent];
  readonly #now: () => number;
  #calledAt: number;

  /** @param now the calendar's milliseconds: other clocks stand still in the sleep */
  constructor(now: () => number = Date.now) {
    const options: AgentOptions = { keepAlive: true };
    this.#agents = [new Agent(options), new SecureAgent(options)];
    this.#now = now;
    this.#calledAt = now();
  }

  /** What the SDK makes its request handler from. */
  get requestHandler() {
    const [httpAgent, httpsAgent] = this.#agents;
    const times = { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true };
    return { ...times, httpAgent, httpsAgent };
  }

  /** To be called before each call. Those that are under way keep their sockets. */
  prepare(): void {
    const now = this.#now();
    const isStale = now - this.#calledAt > ASLEEP_MS;
    this.#calledAt = now;
    if (!isStale) return;
    for (const { freeSockets } of this.#agents) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }
}
