/** A story that showed a fault in the core, what that was, and the mutation that brings it back. */
export type Regression = {
  readonly seed: number;
  readonly workload: string;
  readonly showed: string;
  readonly mutation: string;
};

/** `npm run mutants` sees to it that each story still catches its mutation. */
export const regressions: readonly Regression[] = [
  {
    seed: 47,
    workload: 'push',
    showed:
      'a repeated append found a theft whose reply was lost, and took it for its own election: nothing was flagged',
    mutation: 'a theft whose reply was lost is taken for an election',
  },
  {
    seed: 35,
    workload: 'management',
    showed: 'a message whose last delivery was rejected could not be browsed until a turn had dead-lettered it',
    mutation: 'a browse hides what waits to be dead-lettered',
  },
  {
    seed: 588,
    workload: 'management',
    showed: 'a browse hid all that came after a page which a master used up while it was read',
    mutation: 'a browse takes what a master used up meanwhile for lost',
  },
  {
    seed: 3,
    workload: 'push',
    showed: 'two masters died in a row, and the second numbered its deliveries as the third did',
    mutation: 'a takeover pushes before it commits',
  },
  {
    seed: 53,
    workload: 'redelivery',
    showed:
      'what ended in an inbox that a dead master had absorbed was delivered again under the number that it had used',
    mutation: 'what ends while an inbox is absorbed again keeps its attempt',
  },
  {
    seed: 74,
    workload: 'transient',
    showed: 'a consumer was pushed what had expired while its master stood still between decision and push',
    mutation: 'what expired since the turn was decided is pushed',
  },
  {
    seed: 84,
    workload: 'expiry',
    showed: 'an extension that was cut short inside a page passed over the rest of it',
    mutation: 'an extension that goes on passes over what was cut short',
  },
  {
    seed: 2665,
    workload: 'expiry',
    showed: 'a batch that was drawn in part passed for extended as a whole, and the page that listed its rest went',
    mutation: 'what is held in part is taken for extended as a whole',
  },
  {
    seed: 2494,
    workload: 'backlog',
    showed: 'a message that its sender repeated late was taken twice, and lost its second body with its first',
    mutation: 'a first copy frees the batch of a second that lies in a page',
  },
  {
    seed: 95,
    workload: 'push',
    showed: 'a consumer that subscribed while its connection ended stayed in its queue',
    mutation: 'a consumer joins although its connection is gone',
  },
  {
    seed: 37,
    workload: 'transient',
    showed: 'an invocation that waited for a deadline which was put off left the next one unwatched',
    mutation: 'a sleeper asks for no later deadline',
  },
];
