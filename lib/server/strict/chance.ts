import { hash } from 'node:crypto';

/** A number from 0 up to but not including 1, by what is decided. */
export type Chance = (what: string) => number;

/** Draws that depend on the seed and on what is decided alone, and not on what was drawn before. */
export function chanceOf(seed: number): Chance {
  return (what) => hash('sha1', `${seed} ${what}`, 'buffer').readUInt32BE() / 2 ** 32;
}
