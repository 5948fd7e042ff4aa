/** How many seeds the tests play. */
export const CI_SEEDS = 240;
