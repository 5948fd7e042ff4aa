import { type Mutation, mutation } from './mutation.ts';

/** Several frames in one message. */
export const ofFrames: readonly Mutation[] = [
  mutation('what follows a refused frame is carried out', 'handlers/in-order.ts', 'if (first) return first;', ''),
  mutation(
    'what follows a frame that cannot be read is carried out',
    'handlers/frame.ts',
    'return { steps, refusal: { error: asBrokerError(error), receipt } };',
    'void [error, receipt];',
  ),
  mutation(
    'frames take effect at once though one of them is to be refused',
    'broker/asking.ts',
    '(askings[i]?.accepts?.(head) ?? true)',
    'i >= 0',
  ),
];
