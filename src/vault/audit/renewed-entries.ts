import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import { auditPrefix, encryptEntry, entryKey, hashOf, openEntry, type AuditEnds } from './records.ts'

/** The entries of the audit under other keys. */
export interface RenewedEntries {
  /** Takes in those that have come since. */
  catchUp(): Promise<void>
  /** The writes for those that there are, and the ends that fit them. */
  between(ends: AuditEnds): { readonly writes: readonly Write[]; readonly ends: AuditEnds }
}

/**
 * Each entry names the one before by its hash, which is another under other keys. What is damaged stays as it is, and what did not
 * fit together does not afterwards.
 */
export function createRenewedEntries(store: Store, from: Keyring, to: Keyring): RenewedEntries {
  const puts: Extract<Write, { put: string }>[] = []
  let last: { readonly key: string; readonly old: string; readonly renewed: string } | null = null

  return {
    async catchUp() {
      let before: { readonly old: string; readonly renewed: string } | null = last
      for await (const record of store.list(auditPrefix, last === null ? {} : { after: last.key })) {
        const { key, value, revision } = record
        const old = hashOf(value)
        const entry = openEntry(from, record)
        // It may lie where an entry is to come: what comes is looked for from the last that is one.
        if (entry === null) before = { old, renewed: old }
        else {
          const previous: string | null = entry.previous === before?.old ? before.renewed : entry.previous
          const renewed = encryptEntry(to, { ...entry, previous })
          puts.push({ put: key, value: renewed, expect: revision })
          last = { key, old, renewed: hashOf(renewed) }
          before = last
        }
      }
    },
    between(ends) {
      const hash = last !== null && ends.hash === last.old ? last.renewed : ends.hash
      // The oldest may have left meanwhile.
      return { writes: puts.filter(({ put }) => put >= entryKey(ends.first)), ends: { ...ends, hash } }
    }
  }
}
