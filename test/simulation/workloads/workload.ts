import type { Limits } from '../../../lib/model/limits.ts';
import type { Operator } from '../clients/operator.ts';
import type { Producer } from '../clients/producer.ts';
import type { Puller } from '../clients/puller.ts';
import type { StompClient } from '../clients/stomp-client.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';

export type Clients = {
  readonly producers: readonly Pick<Producer, 'isDone'>[];
  readonly consumers: readonly { readonly client: Pick<StompClient, 'end'> }[];
  readonly pullers: readonly Pick<Puller, 'end' | 'isStill'>[];
  readonly operators?: readonly Operator[];
};

/** A way of using the broker: who sends and who receives, under which limits. */
export type Workload = {
  readonly name: string;
  readonly queues: readonly string[];
  readonly topics?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** The share of stories that have one process; of the others each is in the cloud. Default: as it comes. */
  readonly selfHosted?: number;
  /** How many pulls wait at a queue of their own once all is calm. */
  readonly waiting?: number;
  /** How long the world is in disorder, the night apart. */
  readonly chaosMs: number;
  readonly begin: (world: World, site: Site) => Clients;
};
