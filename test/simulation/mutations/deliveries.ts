import { type Mutation, mutation } from './mutation.ts';

/** Deliveries, and how they end. */
export const ofDeliveries: readonly Mutation[] = [
  mutation('what is not persistent is pushed before the commit', 'shard/deal.ts', ' || isTransient;', ';'),
  mutation(
    'cumulative subscriptions are pushed to before the commit',
    'shard/deal.ts',
    "consumer.ack === 'client' || ",
    '',
  ),
  mutation(
    'a takeover flags nothing',
    'shard/takeover.ts',
    'attempt: span.attempt + 1, failures, transient, redelivered: true, suspect: true',
    'attempt: span.attempt + 1, failures, transient, redelivered: span.redelivered, suspect: true',
  ),
  {
    name: 'a takeover flags everything',
    patches: [
      { file: 'lib/shard/takeover.ts', search: 'if (left === 0) break;', replace: '' },
      { file: 'lib/shard/takeover.ts', search: 'Math.min(span.count, left)', replace: 'span.count' },
    ],
  },
  mutation(
    'what was being pushed and is not persistent comes back',
    'shard/takeover.ts',
    'if (transient) draft.counts.dropped += count;\n    else putBack',
    'putBack',
  ),
  mutation(
    'a cumulative acknowledgement covers what may not have arrived',
    'shard/flights.ts',
    'if (i < at && isDoubtful) return [flight];',
    'void isDoubtful;',
  ),
  mutation(
    'a rejected message is taken for consumed',
    'shard/absorb.ts',
    'endAll(draft, landFlights(draft, delivery));',
    'draft.counts.acknowledged += total(landFlights(draft, delivery));',
  ),
  mutation(
    'deadlines pass unnoticed',
    'shard/flights.ts',
    'const late = draft.flights.filter((flight) => isLate(flight, context.now));',
    'const late: Flight[] = [];',
  ),
  mutation(
    'an acknowledgement gives no credit back',
    'shard/flights.ts',
    'if (landed.length > 0) draft.flights = rest;',
    'void rest;',
  ),
  mutation(
    'prefetch is counted anew each turn',
    'shard/servers.ts',
    'consumer.prefetch - (inFlight.get(consumer.number) ?? 0)',
    'consumer.prefetch',
  ),
  mutation(
    'a consumer that is gone keeps what it has',
    'broker/upkeep.ts',
    "if (gone.length > 0) await leaveShard(broker, shard, gone, 'lost');",
    'void gone;',
  ),
  mutation(
    'dead letters go nowhere',
    'broker/lead.ts',
    'await forwardDeadLetters(broker, head.shard, turn.draft.incarnation, turn.deadLetters);',
    '',
  ),
  mutation(
    'a consumer joins although its connection is gone',
    'handlers/exchange.ts',
    "await unsubscribe(this.#broker, destination, [consumer], 'lost');",
    '',
  ),
  mutation(
    'what expired since the turn was decided is pushed',
    'broker/push.ts',
    'if (timeoutMs <= 0 || messages.some(({ message }) => isExpired(message, now)))',
    'if (timeoutMs <= 0)',
  ),
  mutation(
    'a takeover pushes before it commits',
    'shard/deal.ts',
    'const commitFirst = takeover || isPull',
    'const commitFirst = isPull',
  ),
];
