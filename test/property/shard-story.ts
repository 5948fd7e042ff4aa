import { deepStrictEqual, ok } from 'node:assert/strict';
import { Clients } from './shard-clients.ts';
import type { Bounds, Command } from './shard-commands.ts';
import { Masters } from './shard-masters.ts';
import { World } from './shard-world.ts';

/** What happens to one shard, command by command, until it is drained. */
export class Story {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #masters: Masters;

  constructor(bounds: Bounds) {
    this.#world = new World(bounds);
    this.#clients = new Clients(this.#world);
    this.#masters = new Masters(this.#world, this.#clients);
  }

  act(command: Command): void {
    switch (command.do) {
      case 'send':
        this.#clients.send(command);
        return;
      case 'forward':
        this.#clients.forward(command);
        return;
      case 'join':
        this.#clients.join(command.ack, command.prefetch);
        return;
      case 'leave':
        this.#clients.leave(command.pick, command.reason);
        return;
      case 'settle':
        this.#clients.settle(command);
        return;
      case 'transact':
        this.#clients.transact(command);
        return;
      case 'receive':
        this.#clients.receive(command.max, command.visibilityMs);
        return;
      case 'purge':
        this.#clients.purge();
        return;
      case 'repeat':
        this.#clients.repeat(command.pick);
        return;
      case 'tick':
        this.#world.now += command.ms;
        return;
      case 'restart':
        this.#world.restart();
        return;
      case 'turn':
        this.#masters.turn(command);
        return;
    }
  }

  /** Ends the story well: one healthy consumer takes all there is, until nothing is left. */
  drain(): void {
    const world = this.#world;
    const healthy = { death: undefined, target: 'taken', lateMs: 0 } as const;
    this.#clients.leaveAll();
    this.#clients.join('client-individual', 3);
    for (let turns = 0; turns < 1000; turns++) {
      this.#masters.turn({ do: 'turn', leaves: 0, outcomes: ['sent'], early: turns % 2 === 0, ...healthy });
      this.#clients.acknowledgeAll();
      if (world.standings.size + world.inboxCount + world.state.litter.length + world.state.onward.length === 0) {
        this.#checkEmpty();
        return;
      }
      world.now += 1000;
    }
    throw new Error(`never drained: ${JSON.stringify(world.state)}`);
  }

  #checkEmpty(): void {
    const { references, held, flights, returned, delayed, outgoing, consumers } = this.#world.state;
    deepStrictEqual([references, held, flights, returned, delayed, outgoing], [[], [], [], [], [], []]);
    deepStrictEqual(consumers.length, 1);
    this.#world.history.transactions.checkAll();
    const { counts } = this.#world.state;
    // What a purge took after a refusal may have arrived as well.
    const arrived = this.#world.history.forwarded.size;
    ok(counts.deadLettered <= arrived && arrived <= counts.deadLettered + counts.purged, 'each dead letter arrived');
    // What may be a second copy, nobody dares to discard; and where bodies go by themselves, nobody has to.
    if (this.#world.hadCopies || this.#world.bodiesExpire) return;
    deepStrictEqual(this.#world.keys, [], 'bodies that nothing needs stay for ever');
  }
}
