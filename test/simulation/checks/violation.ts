/** Something that must not be was seen; `check` names the rule. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly check: string;

  constructor(check: string, details: readonly unknown[]) {
    super(`${check}: ${JSON.stringify(details)}`);
    this.check = check;
  }
}

/** How often each rule was held against what happened: one that never was proves nothing. */
export const checked = new Map<string, number>();

export function must(holds: boolean, check: string, ...details: unknown[]): asserts holds {
  checked.set(check, (checked.get(check) ?? 0) + 1);
  if (!holds) throw new Violation(check, details);
}
