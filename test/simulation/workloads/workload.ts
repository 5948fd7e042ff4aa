import type { Limits } from '../../../lib/model/limits.ts';
import type { Consumer } from '../clients/consumer.ts';
import type { Operator } from '../clients/operator.ts';
import type { Producer } from '../clients/producer.ts';
import type { Puller } from '../clients/puller.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';

export type Clients = {
  readonly producers: readonly Pick<Producer, 'isDone'>[];
  readonly consumers: readonly Consumer[];
  readonly pullers: readonly Puller[];
  readonly operators?: readonly Operator[];
};

/** A way of using the broker: who sends and who receives, under which limits. */
export type Workload = {
  readonly name: string;
  readonly queues: readonly string[];
  readonly topics?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** How long the world is in disorder, the night apart. */
  readonly chaosMs: number;
  readonly begin: (world: World, site: Site) => Clients;
};
