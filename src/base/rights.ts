/**
 * What a grant may give on a box. `info`: that it exists, and what its entries are called. `use`: have it shown to a
 * container. `write`: change it, not read it back. `manage`: make, name, grant and destroy it, not read it back. `reveal`:
 * read what it holds.
 */
export const rights = ['info', 'use', 'write', 'manage', 'reveal'] as const

export type Right = (typeof rights)[number]
