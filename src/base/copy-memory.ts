/** What copies are made of: `noswap` from Linux 6.4 on; ramfs, which is never swapped, where tmpfs cannot promise it. */
export const copyMemories = ['tmpfs with noswap', 'tmpfs on a host without swap', 'ramfs'] as const
export type CopyMemory = (typeof copyMemories)[number]
