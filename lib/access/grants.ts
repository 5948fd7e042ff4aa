import { BrokerError } from '../model/errors.ts';
import { allows, allowsEverything, type Right, type Rule } from './rules.ts';

/** What a principal may do, at this moment. What no rule allows is not allowed. */
export class Grants {
  readonly #rules: readonly Rule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  may(right: Right, destination: string): boolean {
    return allows(this.#rules, right, destination);
  }

  /**
   * Says the same whether there is such a destination or not.
   * @throws BrokerError FORBIDDEN, naming the destination and the right
   */
  demand(right: Right, destination: string): void {
    if (this.may(right, destination)) return;
    throw new BrokerError('FORBIDDEN', `No rule of yours gives the right "${right}" to ${destination}.`, {
      details: { destination, right },
    });
  }

  /** Some destination's admin, and so not a stranger to lists of them. @throws BrokerError FORBIDDEN */
  demandAdminOfSome(): void {
    if (this.#rules.some(({ rights }) => rights.includes('admin'))) return;
    throw new BrokerError('FORBIDDEN', 'No rule of yours gives the right "admin" to any destination.');
  }

  /** Who manages users can give out every right, and so must have it. @throws BrokerError FORBIDDEN */
  demandUserManagement(): void {
    if (allowsEverything(this.#rules, 'admin')) return;
    throw new BrokerError('FORBIDDEN', 'Users are managed by those who have the rule "admin:>".');
  }
}
