import { type Mutation, mutation } from './mutation.ts';

/** Deliveries, and how they end. */
export const ofDeliveries: readonly Mutation[] = [
  mutation('what is not persistent is pushed before the commit', 'shard/plan/deal.ts', ' || isTransient;', ';'),
  mutation(
    'cumulative subscriptions are pushed to before the commit',
    'shard/plan/deal.ts',
    "consumer.ack === 'client' || ",
    '',
  ),
  mutation(
    'a takeover flags nothing',
    'shard/absorb/takeover.ts',
    'attempt: span.attempt + 1, redelivered: true, suspect: true',
    'attempt: span.attempt + 1, suspect: true',
  ),
  mutation(
    'a takeover takes no account of deadlines that have passed',
    'shard/absorb/takeover.ts',
    'limits.turnMessages) +\n    late +',
    'limits.turnMessages) +',
  ),
  {
    name: 'a takeover flags everything',
    patches: [
      { file: 'lib/shard/absorb/takeover.ts', search: 'if (left === 0) break;', replace: '' },
      { file: 'lib/shard/absorb/takeover.ts', search: 'Math.min(span.count, left)', replace: 'span.count' },
    ],
  },
  mutation(
    'what was being pushed and is not persistent comes back',
    'shard/absorb/takeover.ts',
    'if (flight.transient) draft.counts.dropped += count;\n    else putBack',
    'putBack',
  ),
  mutation(
    'a cumulative acknowledgement covers what may not have arrived',
    'shard/state/cumulative.ts',
    'if (i < at) return isInDoubt(flight, named) || !isMeant(flight) ? undefined : flight;',
    'if (i < at) return flight;',
  ),
  mutation(
    'a rejected message is taken for consumed',
    'shard/absorb/end.ts',
    'endAll(draft, landFlights(draft, delivery), requeue, context);',
    'draft.counts.acknowledged += total(landFlights(draft, delivery));',
  ),
  mutation(
    'deadlines pass unnoticed',
    'shard/state/flights.ts',
    'const late = draft.flights.filter(isPassed);',
    'const late: Flight[] = [];',
  ),
  mutation(
    'connections that died with their process go before the inbox is applied',
    'shard/absorb/absorb.ts',
    "for (const entry of entries) settle(draft, entry, context);\n  if (context.takeover) endInterruptedPushes(draft);\n  // What a connection acknowledged before its process died is acknowledged.\n  if (context.epoch !== '') evictDeadConnections(draft, context);",
    "if (context.epoch !== '') evictDeadConnections(draft, context);\n  for (const entry of entries) settle(draft, entry, context);\n  if (context.takeover) endInterruptedPushes(draft);",
  ),
  mutation(
    'an acknowledgement does not find what was lost with its connection',
    'shard/state/flights.ts',
    'suspect || lost : suspect',
    'suspect : suspect',
  ),
  mutation(
    'an acknowledgement does not find what a dead master pushed',
    'shard/state/flights.ts',
    'suspect || lost : suspect',
    'lost : suspect',
  ),
  mutation(
    'a lost connection counts for all that its consumer had',
    'shard/state/flights.ts',
    "const isOldest = ending === 'lost' && !met.has(flight.consumer);",
    "const isOldest = ending === 'lost';",
  ),
  mutation(
    'an acknowledgement gives no credit back',
    'shard/state/flights.ts',
    'if (landed.length > 0) draft.flights = rest;',
    'void rest;',
  ),
  mutation(
    'prefetch is counted anew each turn',
    'shard/plan/servers.ts',
    'consumer.prefetch - (inFlight.get(consumer.number) ?? 0)',
    'consumer.prefetch',
  ),
  mutation(
    'a consumer that is gone keeps what it has',
    'broker/effects/probes.ts',
    "if (gone.length > 0) await leaveShard(broker, shard, gone, 'lost');",
    'void gone;',
  ),
  mutation(
    'a consumer joins although its connection is gone',
    'handlers/exchange.ts',
    "await unsubscribe(this.#broker, destination, [consumer], 'lost');",
    '',
  ),
  {
    name: 'what expired since the turn was decided is pushed',
    patches: [
      {
        file: 'lib/broker/turn/push.ts',
        search: 'if (isExpired(message, date)) expired.add(sequence);',
        replace: 'if (isExpired(message, 0 * date)) expired.add(sequence);',
      },
      {
        file: 'lib/broker/turn/lead.ts',
        search: 'const contextNow = () => contextOf(broker, held, takeover, members, pageKey);',
        replace:
          'const stale = contextOf(broker, held, takeover, members, pageKey);\n  const contextNow = () => stale;',
      },
    ],
  },
  mutation(
    'a takeover pushes before it commits',
    'shard/plan/deal.ts',
    'const commitFirst = takeover || draft.hasDecided',
    'const commitFirst = draft.hasDecided',
  ),
  mutation(
    'what ends while an inbox is absorbed again keeps its attempt',
    'shard/state/flights.ts',
    'const suspect = draft.isAbsorbedAgain && !transient;',
    'const suspect = false;\n  void transient;',
  ),
  mutation(
    'which of its deliveries a consumer had first is not kept',
    'shard/state/unanswered.ts',
    'if (ending.length === 0) return;',
    'return;',
  ),
  mutation(
    'a message id is taken for the last delivery',
    'shard/state/cumulative.ts',
    'flight === named ? !isAlone : !isAlone && wasBefore(flight, named),',
    'flight === named || wasBefore !== undefined,',
  ),
  mutation(
    'what was rejected by its id is forgotten',
    'shard/state/cumulative.ts',
    'markRejected(draft, consumer, (i, flight) => meant[i] !== undefined || mayBeMeant(i, flight));',
    '',
  ),
  mutation('a mark stays behind', 'shard/state/past.ts', '...(unanswered ? { unanswered } : {})', ''),
];
