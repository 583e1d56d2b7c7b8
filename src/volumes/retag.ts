import type { RetagCopies } from '../vault/root-rotation.ts'
import { retagged } from './origin.ts'
import { copiesSaidAnew } from './records.ts'

/** Puts the tags of all copies' records under other keys, but for those that are wrong. */
export const retagCopies: RetagCopies = (store, from, to) =>
  copiesSaidAnew(store, record => retagged(record, from, to))
