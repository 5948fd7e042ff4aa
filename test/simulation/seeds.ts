/** How many seeds the tests play, and within how many each mutant must be caught. */
export const CI_SEEDS = 240;
