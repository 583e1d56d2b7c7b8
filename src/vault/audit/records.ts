import { createHash } from 'node:crypto'
import { isSecretboxError, type ErrorCode } from '../../base/errors.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, StoredRecord, Write } from '../../store/store.ts'
import type { Action, Details } from '../access/actions.ts'
import type { Caller } from '../access/authority.ts'

/** Who wanted what, whether it was allowed, and the code of the error if it then failed. */
export interface Decision {
  readonly caller: Caller
  readonly action: Action
  readonly decision: 'allowed' | 'denied'
  readonly failed?: ErrorCode
}

/** One decision, as it is kept: also of which thing, and when. */
export interface AuditEntry extends Decision, Details {
  /** Begins at 1; no number is left out. */
  readonly sequence: number
  /** RFC 3339, UTC. */
  readonly time: string
  /** SHA-256 of the encrypted entry before this one, hex; zeros for the first; null when that entry was not to be known. */
  readonly previous: string | null
}

/**
 * Which entries there must be: those from `first` to `last`, and the hash of the last (null: not known). Encrypted into a
 * record of its own in each commit of an entry, so that entries cannot be taken away at either end. This is the head of the audit, which
 * `putEnds` alone writes and `readEnds` alone reads: what is to notice an older store goes by it.
 */
export interface AuditEnds {
  readonly first: number
  readonly last: number
  readonly hash: string | null
}

export const auditPrefix = 'audit/'
const endsKey = 'audit'
/** The `previous` of the first entry of all. */
export const noPrevious = '0'.repeat(64)
/** The most that an entry has, encrypted: what is longer is not written, and not read. */
const maxEntryBytes = 64 << 10
/** To how many characters each text of an entry is cut that would be longer, if written six bytes a character, as JSON may. */
const cutCharacters = 256
/** What a vault has before its first entry: its header, and two keys. */
const recordsOfNewVault = 3

/** The key of an entry, or what lies right before that of the next. */
export function entryKey(sequence: number): string {
  return auditPrefix + String(sequence).padStart(16, '0')
}

/** The number of the entry that a key is of, or null when it is of none. */
export function sequenceIn(key: string): number | null {
  const [, digits] = /^audit\/(\d{16})$/.exec(key) ?? []
  const sequence = Number(digits)
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : null
}

/** SHA-256, hex. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The entry in a record, or null when it is damaged. */
export function openEntry(keyring: Keyring, record: StoredRecord): AuditEntry | null {
  const entry = opened(keyring, record) as AuditEntry | null
  return entry !== null && entry.sequence === sequenceIn(record.key) ? entry : null
}

/**
 * An entry as it is stored. In one that would be too long each long text is cut, and ends in "…": swarms and others say of themselves
 * what they like.
 */
export function encryptEntry(keyring: Keyring, entry: AuditEntry): Buffer {
  const encrypt = (fields: object): Buffer =>
    keyring.encrypt(entryKey(entry.sequence), Buffer.from(JSON.stringify(fields)))
  const whole = encrypt(entry)
  if (whole.length <= maxEntryBytes) return whole
  const cut = (value: unknown): unknown =>
    typeof value === 'string' && value.length > cutCharacters
      ? `${value.slice(0, cutCharacters).toWellFormed()}…`
      : value
  return encrypt(Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, cut(value)])))
}

/** The write that notes the ends. */
export function putEnds(keyring: Keyring, ends: AuditEnds): Write {
  return { put: endsKey, value: keyring.encrypt(endsKey, Buffer.from(JSON.stringify(ends))) }
}

/**
 * The ends of the audit. Where the record of them is lost or older than the entries, they are what the entries say; what
 * came before the next entry is then not known, which that entry says for good.
 */
export async function readEnds(store: Store, keyring: Keyring): Promise<AuditEnds> {
  const record = await store.get(endsKey)
  const noted = record && (opened(keyring, record) as AuditEnds | null)
  const newest = await firstSound(store, keyring, { reverse: true }, noted?.last ?? 0)
  if (noted !== null) {
    return newest === null ? noted : { ...noted, last: newest.sequence, hash: newest.hash }
  }
  if (newest === null && record === null && (await store.count('')) <= recordsOfNewVault) {
    return { first: 1, last: 0, hash: noPrevious }
  }
  const oldest = await firstSound(store, keyring, {}, 0)
  return { first: oldest?.sequence ?? 1, last: newest?.sequence ?? 0, hash: null }
}

/** The first entry on the way that is one, of those after the number `after`. */
async function firstSound(
  store: Store,
  keyring: Keyring,
  way: { reverse?: boolean },
  after: number
): Promise<{ sequence: number; hash: string } | null> {
  for await (const record of store.list(auditPrefix, { ...way, after: entryKey(after) })) {
    const entry = openEntry(keyring, record)
    if (entry !== null) return { sequence: entry.sequence, hash: hashOf(record.value) }
  }
  return null
}

function opened(keyring: Keyring, { key, value }: StoredRecord): unknown {
  if (value.length > maxEntryBytes) return null
  try {
    return JSON.parse(keyring.decrypt(key, value).toString())
  } catch (error) {
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}
