import fc from 'fast-check';
import type { AckMode } from '../../lib/model/message.ts';
import type { LeaveReason } from '../../lib/shard/codec/entry.ts';
import type { PushOutcome } from '../../lib/shard/conclude/conclude.ts';

/** One message to send: how long it lives, in milliseconds; 0 is for ever. */
export type Draw = { readonly transient: boolean; readonly livesMs: number };

/** Where a master dies in its turn. */
export type Death = 'before-push' | 'after-push' | 'after-commit' | 'after-late-push';

export type SettleVerb =
  | 'acknowledge'
  | 'reject'
  | 'extend'
  | 'acknowledge-up-to'
  | 'reject-up-to'
  | 'acknowledge-message'
  | 'reject-message';

/** When a rejected message is ready again. */
export type Requeuing = 'now' | 'later' | 'never';

export type TakeTurn = {
  readonly do: 'turn';
  /** How much of the inbox it sees: a master reads once, and entries arrive after that. */
  readonly leaves: number;
  readonly outcomes: readonly PushOutcome[];
  /** How long after the plan a push begins, in milliseconds: what expires meanwhile stays behind. */
  readonly lateMs: number;
  /** The consumers acknowledge before the turn commits. */
  readonly early: boolean;
  readonly death: Death | undefined;
  /** What the target of a forward does; `unheard`: it takes it, and nobody hears of that. */
  readonly target: 'taken' | 'refused' | 'unheard';
};

/** What the world does to a shard. A `pick` counts back from the latest. */
export type Command =
  | { readonly do: 'send'; readonly messages: readonly Draw[]; readonly repeatFirst: boolean }
  | {
      readonly do: 'forward';
      readonly source: number;
      readonly again: number;
      readonly fresh: number;
      readonly gap: number;
    }
  | { readonly do: 'join'; readonly ack: AckMode; readonly prefetch: number }
  | { readonly do: 'leave'; readonly pick: number; readonly reason: LeaveReason }
  | {
      readonly do: 'settle';
      readonly verb: SettleVerb;
      readonly picks: readonly number[];
      readonly forMs: number;
      readonly requeue: Requeuing;
    }
  | {
      readonly do: 'transact';
      readonly picks: readonly number[];
      readonly rejects: boolean;
      /** How many messages go to which of three other shards. */
      readonly sends: readonly { readonly target: number; readonly count: number }[];
    }
  | { readonly do: 'receive'; readonly max: number; readonly visibilityMs: number }
  | { readonly do: 'purge' }
  | { readonly do: 'repeat'; readonly pick: number }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'restart' }
  | TakeTurn;

const pick = fc.nat({ max: 12 });
const transience = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const lives = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 4000 }) },
);
const draw = fc.record({ transient: transience, livesMs: lives });

const verb = fc.oneof(
  { weight: 4, arbitrary: fc.constant<SettleVerb>('acknowledge') },
  { weight: 2, arbitrary: fc.constant<SettleVerb>('reject') },
  {
    weight: 3,
    arbitrary: fc.constantFrom<SettleVerb>(
      'extend',
      'acknowledge-up-to',
      'reject-up-to',
      'acknowledge-message',
      'reject-message',
    ),
  },
);

const outcome = fc.oneof(
  { weight: 5, arbitrary: fc.constant<PushOutcome>('sent') },
  { weight: 2, arbitrary: fc.constantFrom<PushOutcome>('gone', 'lost', 'unknown', 'unsent') },
);

const death = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.constantFrom<Death>('before-push', 'after-push', 'after-commit', 'after-late-push') },
);

const turn: fc.Arbitrary<TakeTurn> = fc.record({
  do: fc.constant('turn' as const),
  leaves: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 3 }) }),
  outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
  lateMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 4000 }) }),
  early: fc.boolean(),
  death,
  target: fc.oneof(
    { weight: 3, arbitrary: fc.constant('taken' as const) },
    { weight: 2, arbitrary: fc.constantFrom('refused' as const, 'unheard' as const) },
  ),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      messages: fc.array(draw, { minLength: 1, maxLength: 5 }),
      repeatFirst: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('forward' as const),
      source: fc.nat({ max: 2 }),
      again: fc.nat({ max: 2 }),
      fresh: fc.nat({ max: 3 }),
      gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      ack: fc.constantFrom<AckMode>('auto', 'client', 'client-individual', 'client-individual'),
      prefetch: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('leave' as const),
      pick: fc.nat({ max: 3 }),
      reason: fc.constantFrom<LeaveReason>('lost', 'unsubscribed'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      verb,
      picks: fc.array(pick, { minLength: 1, maxLength: 4 }),
      forMs: fc.nat({ max: 5000 }),
      requeue: fc.constantFrom<Requeuing>('now', 'now', 'later', 'later', 'never'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('receive' as const),
      max: fc.integer({ min: 1, max: 4 }),
      visibilityMs: fc.nat({ max: 3000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('transact' as const),
      picks: fc.array(pick, { maxLength: 3 }),
      rejects: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      sends: fc.array(fc.record({ target: fc.nat({ max: 2 }), count: fc.integer({ min: 1, max: 3 }) }), {
        maxLength: 3,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'purge' } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('repeat' as const), pick: fc.nat({ max: 7 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.nat({ max: 6000 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' } as const) },
  { weight: 14, arbitrary: turn },
);

export const commands = fc.array(command, { minLength: 1, maxLength: 60, size: 'max' });

/** Limits that a short story reaches. */
export const bounds = fc.record({
  referencesPerLevel: fc.integer({ min: 3, max: 4 }),
  turnMessages: fc.integer({ min: 2, max: 7 }),
  turnBytes: fc.constantFrom(24, 1000),
  inFlightPerShard: fc.integer({ min: 3, max: 9 }),
  outgoingBytes: fc.constantFrom(100, 300, 2000),
  deliveries: fc.integer({ min: 2, max: 3 }),
  bodiesExpire: fc.boolean(),
});
export type Bounds = typeof bounds extends fc.Arbitrary<infer B> ? B : never;
