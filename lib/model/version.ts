/** The version of this software, as its package has it. */
export const version = '0.1.0';
