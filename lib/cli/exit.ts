/** What a command tells by its exit code. */
export const exitCodes = { done: 0, failed: 1, wrongUsage: 2, nothingReceived: 3, unreachable: 4 } as const;

export const exitCodesHelp = `
Exit codes:
  0  done
  1  failed; standard error says why, with the broker's code
  2  wrong usage
  3  nothing was received in time
  4  the broker cannot be reached`;

/** A command that was asked for in a way that it cannot be. */
export function wrongUsage(message: string): CommandFailure {
  return new CommandFailure(message, exitCodes.wrongUsage);
}

/** A command that did not succeed. Its message is for the person at the terminal. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failed, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}
