import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, Write } from '../../store/store.ts'
import { readEntries, type AuditLine, type AuditQuery } from './reading.ts'
import {
  encryptEntry,
  entryKey,
  hashOf,
  putEnds,
  readEnds,
  type AuditEnds,
  type AuditEntry,
  type Decision
} from './records.ts'
import { createRenewedEntries } from './renewed-entries.ts'
import type { Caller } from '../access/authority.ts'
import type { Details } from '../access/actions.ts'

type Append = (
  keyring: Keyring,
  decision: Decision & { readonly details: Details },
  writes: readonly Write[]
) => Promise<void>

/** What puts the audit under other keys. */
export interface AuditRenewal {
  readonly from: Keyring
  readonly to: Keyring
  readonly decision: Decision & { readonly details: Details }
  /** What else is committed with it, asked for while nothing is appended. */
  readonly others: () => Promise<readonly Write[]>
  /** Called when it is committed, before anything is read. */
  readonly onCommitted: () => void
}

/** The chained record of decisions. */
export interface Audit {
  /**
   * Commits `writes` together with an entry about them: both or neither. Entries get their numbers in the
   * order of commits. Throws what `Store.commit` throws.
   */
  append: Append
  /**
   * Does `work` while nothing else is appended: what it looks at is so when what it appends is committed. It must not wait for
   * another turn.
   */
  inTurn<T>(work: (append: Append) => Promise<T>): Promise<T>
  /** Puts all entries under other keys, in one commit with an entry about that. */
  renew(renewal: AuditRenewal): Promise<void>
  /**
   * The entries that are asked for, oldest first, checked on the way: what is damaged is told in its place and hides
   * nothing else. At the end comes what was looked at. It holds a page of entries at a time.
   */
  read(keyring: Keyring, query: AuditQuery): AsyncGenerator<AuditLine>
  /** Resolves when there are entries after the number, or `signal` aborts. */
  after(sequence: number, signal?: AbortSignal): Promise<void>
}

/** A caller as entries have them: which groups they are in is the host's to know. */
function recorded(caller: Caller): Caller {
  if (caller.kind !== 'user') return caller
  const { groups, ...others } = caller
  return others
}

/** The most entries that leave in one commit. */
const maxTrimmed = 64

/** Keeps the newest `maxEntries` entries; older ones leave in the commits that add newer ones. */
export function createAudit(store: Store, maxEntries: number): Audit {
  let known: AuditEnds | null = null
  let queue: Promise<unknown> = Promise.resolve()
  const waiting = new Set<() => void>()

  const endsNow = async (keyring: Keyring): Promise<AuditEnds> => (known ??= await readEnds(store, keyring))

  const appendNow = async (
    keyring: Keyring,
    { details, ...decision }: Decision & { readonly details: Details },
    writes: readonly Write[],
    onCommitted?: () => void
  ): Promise<void> => {
    const { first, last, hash } = await endsNow(keyring)
    const sequence = last + 1
    const entry: AuditEntry = {
      sequence,
      time: new Date().toISOString(),
      ...decision,
      caller: recorded(decision.caller),
      ...details,
      previous: hash
    }
    const encrypted = encryptEntry(keyring, entry)
    // More than one leaves when fewer may be kept than before. The oldest go first, so that the chain has no gap.
    const kept = Math.max(first, Math.min(sequence - maxEntries + 1, first + maxTrimmed))
    const trimmed = Array.from({ length: kept - first }, (_, i) => ({ remove: entryKey(first + i) }))
    const ends: AuditEnds = { first: kept, last: sequence, hash: hashOf(encrypted) }
    // When that fails it may have been done all the same.
    known = null
    await store.commit(
      [...writes, { put: entryKey(sequence), value: encrypted }, putEnds(keyring, ends), ...trimmed],
      onCommitted
    )
    known = ends
    for (const go of waiting) go()
  }

  /** One at a time: each entry names the one before it. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => undefined)
    return turn
  }

  return {
    append: (...entry) => inTurn(() => appendNow(...entry)),
    inTurn: work => inTurn(() => work(appendNow)),
    async renew({ from, to, decision, others, onCommitted }) {
      const entries = createRenewedEntries(store, from, to)
      // Most of it while others append.
      await entries.catchUp()
      await inTurn(async () => {
        await entries.catchUp()
        const { writes, ends } = entries.between(await endsNow(from))
        const more = await others()
        known = ends
        await appendNow(to, decision, [...writes, ...more], onCommitted)
      })
    },

    // Not while an entry is being appended: what was read before must not be taken for known after.
    read: (keyring, query) => readEntries(store, keyring, () => inTurn(() => endsNow(keyring)), query),

    async after(sequence, signal) {
      while ((known === null || known.last <= sequence) && signal?.aborted !== true)
        await new Promise<void>(resolve => {
          const go = (): void => {
            waiting.delete(go)
            signal?.removeEventListener('abort', go)
            resolve()
          }
          waiting.add(go)
          signal?.addEventListener('abort', go)
        })
    }
  }
}
