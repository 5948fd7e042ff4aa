import { type Mutation, mutation } from './mutation.ts';

/** Pulls that wait, and that are given back. */
export const ofPulls: readonly Mutation[] = [
  mutation(
    'those behind are called while one who was called may come back',
    'broker/lines.ts',
    'let left = this.isHeld ? 0 : messages;',
    'let left = messages;',
  ),
  mutation(
    'one message calls all who wait',
    'broker/lines.ts',
    'while (left > 0 && count <',
    'while (messages > 0 && count <',
  ),
  mutation(
    'what one gets who hung up is kept for him',
    'broker/verbs/receive.ts',
    "caller?.gone.addEventListener('abort', giveBack, { once: true });",
    '',
  ),
  mutation(
    'what is given back counts as a failure',
    'shard/absorb/end.ts',
    "unsubscribed: 'uncounted', unanswered: 'unsent'",
    "unsubscribed: 'lost', unanswered: 'lost'",
  ),
  mutation(
    'what was given back and not sent is flagged',
    'shard/absorb/end.ts',
    "unanswered: 'unsent'",
    "unanswered: 'uncounted'",
  ),
  mutation(
    'who cannot be put into the inbox hears nothing',
    'broker/verbs/pull-line.ts',
    'line.answered();\n      reject(error);',
    'line.answered();\n      void [reject, error];',
  ),
];
