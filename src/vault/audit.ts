import { createHash } from 'node:crypto'
import type { Change, Store, StoredRecord } from '../store/store.ts'
import type { Keyring } from '../seal/keyring.ts'
import { isSecretboxError, SecretboxError, type ErrorCode } from '../errors.ts'
import type { Action, Caller, Subject } from './authority.ts'

/** Who wanted what, whether it was allowed, and the code of the error if it then failed. */
export interface Decision {
  readonly caller: Caller
  readonly action: Action
  readonly decision: 'allowed' | 'denied'
  readonly failed?: ErrorCode
}

/** One decision, as it is kept: also of which thing, and when. */
export interface AuditEntry extends Decision, Subject {
  /** Begins at 1; no number is left out. */
  readonly sequence: number
  /** RFC 3339, UTC. */
  readonly time: string
  /** SHA-256 of the sealed entry before this one, hex; zeros for the first. */
  readonly previous: string
}

/** The chained record of decisions. */
export interface Audit {
  /**
   * Commits `changes` together with an entry about them: both or neither. Entries get their numbers in the
   * order of commits. Throws what `Store.commit` throws.
   */
  append(
    keyring: Keyring,
    decision: Decision & { readonly subject: Subject },
    changes: readonly Change[]
  ): Promise<void>
  /** The newest entries, newest first. Throws `damaged` when an entry or the chain between two was altered. */
  newest(keyring: Keyring, limit: number): Promise<AuditEntry[]>
}

const prefix = 'audit/'
const noPrevious = '0'.repeat(64)

/** The most entries that leave in one commit. */
const maxTrimmed = 64

/** Keeps the newest `maxEntries` entries; older ones leave in the commits that add newer ones. */
export function createAudit(store: Store, maxEntries: number): Audit {
  let head: { sequence: number; hash: string } | null = null
  let queue: Promise<unknown> = Promise.resolve()

  const readHead = async (): Promise<{ sequence: number; hash: string }> => {
    for await (const { key, value } of store.list(prefix, { reverse: true, limit: 1 })) {
      return { sequence: sequenceOf(key), hash: sha256(value) }
    }
    return { sequence: 0, hash: noPrevious }
  }

  /** More than one leaves when fewer may be kept than before. The oldest go first, so that the chain has no gap. */
  const trim = async (newest: number): Promise<Change[]> => {
    const removed: Change[] = []
    if (newest <= maxEntries) return removed
    for await (const { key } of store.list(prefix, { limit: maxTrimmed })) {
      if (sequenceOf(key) > newest - maxEntries) break
      removed.push({ remove: key })
    }
    return removed
  }

  const appendNow: Audit['append'] = async (keyring, { subject, ...decision }, changes) => {
    head ??= await readHead()
    const sequence = head.sequence + 1
    const entry: AuditEntry = {
      sequence,
      time: new Date().toISOString(),
      ...decision,
      ...subject,
      previous: head.hash
    }
    const sealed = keyring.seal(keyOf(sequence), Buffer.from(JSON.stringify(entry)))
    const trimmed = await trim(sequence)
    try {
      await store.commit([...changes, { put: keyOf(sequence), value: sealed, expect: null }, ...trimmed])
      head = { sequence, hash: sha256(sealed) }
    } catch (error) {
      // It may have been done all the same.
      head = null
      throw error
    }
  }

  return {
    // One at a time: each entry names the one before it.
    append(keyring, decision, changes) {
      const turn = queue.then(() => appendNow(keyring, decision, changes))
      queue = turn.catch(() => undefined)
      return turn
    },

    async newest(keyring, limit) {
      const entries: AuditEntry[] = []
      let expected: { sequence: number; hash: string } | null = null
      for await (const record of store.list(prefix, { reverse: true, limit })) {
        const entry = openEntry(keyring, record)
        if (
          expected !== null &&
          (entry.sequence !== expected.sequence || sha256(record.value) !== expected.hash)
        ) {
          throw broken(expected.sequence)
        }
        entries.push(entry)
        expected = { sequence: entry.sequence - 1, hash: entry.previous }
      }
      return entries
    }
  }
}

function openEntry(keyring: Keyring, { key, value }: StoredRecord): AuditEntry {
  try {
    return JSON.parse(keyring.open(key, value).toString()) as AuditEntry
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) throw broken(sequenceOf(key), error)
    throw error
  }
}

function broken(sequence: number, cause?: unknown): SecretboxError {
  return new SecretboxError('damaged', `the audit is broken: entry ${sequence} is not what was written`, {
    cause
  })
}

function sequenceOf(key: string): number {
  return Number.parseInt(key.slice(prefix.length), 10)
}

function keyOf(sequence: number): string {
  return prefix + String(sequence).padStart(16, '0')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
