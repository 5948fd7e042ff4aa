import fc from 'fast-check';
import { it } from 'vitest';
import { type Attempts, type Command, CumulativeStory } from './cumulative-story.ts';

const { CUMULATIVE_RUNS, CUMULATIVE_SEED } = process.env;
const numRuns = Number(CUMULATIVE_RUNS ?? 1500);
const seed = Number(CUMULATIVE_SEED ?? (CUMULATIVE_RUNS === undefined ? 1 : Date.now() % 2 ** 31));

const who = fc.nat(3);
const ms = fc.constantFrom(1, 500, 1000, 1500);
const attempts = fc.constantFrom<Attempts>('first', 'first', 'second', 'both');
const answer = { who, back: fc.nat(3), attempts };
const transient = fc.nat(4).map((n) => n === 0);
const ending = fc.record({
  kind: fc.constantFrom('sent' as const, 'sent' as const, 'unknown' as const, 'unsent' as const, 'dies' as const),
  arrives: fc.nat(4),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 3 }), transient }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'noise' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('join' as const), prefetch: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who, isLost: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pull' as const), max: fc.integer({ min: 1, max: 2 }), ms }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), ...answer }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reject' as const), ...answer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('turn' as const), late: fc.nat(2 ** 30 - 1), ending }) },
);

it('an acknowledgement by message id ends nothing that its consumer may have had later, in whatever order they come', {
  timeout: 3_600_000,
}, () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(command, { maxLength: 60, size: 'max' }), (isInOrder, commands) => {
      const story = new CumulativeStory(isInOrder);
      for (const one of commands) story.act(one);
      story.drain();
    }),
    { numRuns, seed },
  );
});
