/** One place in the sources, which must be there exactly once, and what the mutant has instead. */
export type Patch = { readonly file: string; readonly search: string; readonly replace: string };

/** A bug that somebody might write. */
export type Mutation = { readonly name: string; readonly patches: readonly Patch[] };

function mutation(name: string, file: string, search: string, replace: string): Mutation {
  return { name, patches: [{ file: `lib/${file}`, search, replace }] };
}

/** Leases and rings. */
const ofMastership: readonly Mutation[] = [
  mutation(
    'commit does not look at the lease',
    'store/head-rules.ts',
    "if (head?.lease?.nonce !== commit.nonce) return { kind: 'lost', head };",
    "if (!head) return { kind: 'lost', head };",
  ),
  mutation(
    'a release does not look at the rings',
    'store/head-rules.ts',
    "if (!commit.lease && head.rings !== commit.rings) return { kind: 'rung', head };",
    '',
  ),
  mutation(
    'a release looks at the rings of the later head',
    'broker/lead.ts',
    'const releaseAt = mayRelease() ? rings : undefined;',
    'const releaseAt = mayRelease() ? outcome.head.rings : undefined;',
  ),
  mutation(
    'a living lease is stolen',
    'shard/lease.ts',
    'return now > lease.until + limits.skewMs;',
    'return now > lease.until - limits.leaseMs;',
  ),
  mutation(
    'a handover calls nobody',
    'broker/lead.ts',
    "if (outcome.kind === 'committed') await dispatch(head.shard, successor);",
    'void outcome;',
  ),
  mutation(
    'a sleeper that wakes goes back to sleep',
    'broker/sweep.ts',
    'if (head && viewHead(broker, head).hasWork) await wake(broker, shard);',
    'void head;',
  ),
  mutation(
    'what a consumer waits for is left to the sweep',
    'shard/wake-up.ts',
    'return isAwaited ? earliest([...deadlines(draft), retryTime(draft, context)]) : undefined;',
    'return isAwaited ? undefined : undefined;',
  ),
  mutation(
    'two dispatches share a nonce',
    'broker/sweep.ts',
    'const lease = leaseFrom(freshNonce(broker), broker.clock.now(), broker.limits);\n  const renewal',
    'const lease = leaseFrom(nonce, broker.clock.now(), broker.limits);\n  const renewal',
  ),
  mutation(
    'the sweep crosses off whatever was not rung again',
    'store/head-rules.ts',
    'return head.rings === rings && !head.lease && head.inbox.length === 0;',
    'return head.rings === rings;',
  ),
  {
    name: 'an acknowledgement never rings',
    patches: [
      {
        file: 'lib/broker/settlement.ts',
        search: "const ring = verb !== 'acknowledge' || mine.some(({ token }) => token.backlog);",
        replace: "const ring = verb !== 'acknowledge';",
      },
      {
        file: 'lib/broker/settlement.ts',
        search: '!ring && unlocksWork(broker, head)',
        replace: '!ring && head.inbox.length < 0 && unlocksWork(broker, head)',
      },
    ],
  },
];

/** Entries and their order. */
const ofEntries: readonly Mutation[] = [
  mutation(
    'a commit leaves one entry too many',
    'store/head-rules.ts',
    'head.inbox.slice(commit.absorbed)',
    'head.inbox.slice(Math.max(0, commit.absorbed - 1))',
  ),
  mutation(
    'a commit removes one entry too many',
    'store/head-rules.ts',
    'head.inbox.slice(commit.absorbed)',
    'head.inbox.slice(commit.absorbed + 1)',
  ),
  mutation(
    'entries are put in front',
    'store/head-rules.ts',
    '[...before.inbox, ...append.entries]',
    '[...append.entries, ...before.inbox]',
  ),
  mutation(
    'repeats are forgotten',
    'shard/repeats.ts',
    "if (draft.recent.includes(id) || draft.repeated.includes(id)) return 'repeat';",
    '',
  ),
  mutation(
    'a repeat has an id of its own',
    'broker/inbox.ts',
    'encodeEntry({ id, attempt, ...request } as Entry)',
    'encodeEntry({ id: attempt > 1 ? broker.random.id() : id, attempt: 1, ...request } as Entry)',
  ),
  mutation(
    'a forward is not known again',
    'shard/repeats.ts',
    "if (source.taken.some(([first, end]) => number >= first && number < end)) return 'repeat';",
    '',
  ),
];

/** Deliveries, and how they end. */
const ofDeliveries: readonly Mutation[] = [
  mutation(
    'what is not persistent is pushed before the commit',
    'shard/deal.ts',
    ' || share.some((planned) => planned.transient)',
    '',
  ),
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
];

/** Bodies and pages. */
const ofBodies: readonly Mutation[] = [
  mutation(
    'bodies expire long before they should',
    'broker/batches.ts',
    'expiresAt: Math.floor((now + limits.retentionMs) / 1000)',
    'expiresAt: Math.floor((now + limits.retentionMs / 4) / 1000)',
  ),
  mutation(
    'bodies are said to be extended, and are not',
    'broker/upkeep.ts',
    'await extendAll(broker, shard, [...held, ...references], expiresAt);',
    '',
  ),
  mutation(
    'what pages list is not extended with them',
    'broker/upkeep.ts',
    'if (bytes) await extendAll(',
    'if (bytes && bytes.length < 0) await extendAll(',
  ),
  mutation(
    'a page that was drawn meanwhile stops the extension',
    'broker/upkeep.ts',
    'if (bytes) await extendAll(',
    'if (!bytes) throw new Error(key);\n    await extendAll(',
  ),
  mutation('pages are named by their place', 'shard/roll-up.ts', '{context.pageKey}.', "{'page'}."),
  mutation(
    'a batch goes with the first of its references',
    'shard/ready.ts',
    'if (!reference.shared && !fresh.has(reference.key)) draft.spent.push(reference.key);',
    'draft.spent.push(reference.key);',
  ),
  mutation(
    'code reads what newer code wrote',
    'shard/packing.ts',
    'if (value[0] === version) return read(value);',
    "if (typeof value[0] === 'number') return read(value);",
  ),
];

export const mutations: readonly Mutation[] = [...ofMastership, ...ofEntries, ...ofDeliveries, ...ofBodies];
