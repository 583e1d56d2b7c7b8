/**
 * How often one container may ask: so many times at once, and after that once in this time. Each leaves an entry in the audit,
 * and asks the Engine.
 */
export const allowance = { most: 30, refillMs: 10_000 } as const
