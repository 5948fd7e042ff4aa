import { type Mutation, mutation } from './mutation.ts';

/** What is rejected for a while, or for good. */
export const ofRejections: readonly Mutation[] = [
  mutation(
    'what is rejected for a while is ready at once',
    'shard/state/flights.ts',
    "return typeof requeue === 'number' && requeue > latestTime(context);",
    "return typeof requeue === 'number' && requeue < 0 * latestTime(context);",
  ),
  mutation(
    'what is rejected for good is ready again',
    'shard/state/flights.ts',
    "if (requeue === 'never' && context.deadLetters) {",
    "if (requeue === 'never' && !context.deadLetters) {",
  ),
  mutation(
    'delays never pass',
    'shard/state/delayed.ts',
    'const due = draft.delayed.filter(({ until }) => until <= time);',
    'const due = draft.delayed.filter(({ until }) => until <= 0 * time);',
  ),
  {
    name: 'delays pass too soon',
    patches: [
      {
        file: 'lib/shard/state/delayed.ts',
        search: 'const due = draft.delayed.filter(({ until }) => until <= time);',
        replace: 'const due = draft.delayed.filter(({ until }) => until <= time + 1000);',
      },
      {
        file: 'lib/shard/state/delayed.ts',
        search: 'draft.delayed = draft.delayed.filter(({ until }) => until > time);',
        replace: 'draft.delayed = draft.delayed.filter(({ until }) => until > time + 1000);',
      },
    ],
  },
  mutation(
    'what is delayed is left to a ring',
    'shard/conclude/wake-up.ts',
    '[...flights.map(({ deadline }) => deadline), ...delayed.map(({ until }) => until)]',
    '[...flights.map(({ deadline }) => deadline), ...delayed.slice(delayed.length).map(({ until }) => until)]',
  ),
  mutation(
    'what is delayed takes no room',
    'shard/plan/window.ts',
    'limits.inFlightPerShard - total(draft.flights) - total(draft.delayed)',
    'limits.inFlightPerShard - total(draft.flights)',
  ),
  mutation(
    'what is delayed lets go of its body',
    'shard/state/discard.ts',
    'const drawn = [...flights, ...returned, ...delayed, ...outgoing]',
    'const drawn = [...flights, ...returned, ...delayed.slice(delayed.length), ...outgoing]',
  ),
  mutation(
    'a takeover takes no account of delays that have passed',
    'shard/absorb/absorb.ts',
    'const late = again + passDeadlines',
    'const late = 0 * again + passDeadlines',
  ),
];
