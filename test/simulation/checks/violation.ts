/** Something that must not be was seen; `check` names the rule. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly check: string;

  constructor(check: string, details: readonly unknown[]) {
    super(`${check}: ${JSON.stringify(details)}`);
    this.check = check;
  }
}

export function must(holds: boolean, check: string, ...details: unknown[]): asserts holds {
  if (!holds) throw new Violation(check, details);
}
