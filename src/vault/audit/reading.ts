import { setImmediate as nextTurn } from 'node:timers/promises'
import { notWhatWasWritten } from '../../base/messages.ts'
import type { AuditCheck, AuditDamage } from '../../api/audit.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store } from '../../store/store.ts'
import {
  auditPrefix,
  entryKey,
  hashOf,
  noPrevious,
  openEntry,
  sequenceIn,
  type AuditEnds,
  type AuditEntry
} from './records.ts'
import { fits, isConditional, type AuditConditions } from './conditions.ts'

/** Which entries are asked for. */
export interface AuditQuery extends AuditConditions {
  /** The newest so many of those that fit. */
  readonly limit: number
  /** The number of the first entry to look at; then `limit` counts nothing. */
  readonly from?: number
  /** How many entries are looked at, at most, for those that fit; else all. */
  readonly mostLooked?: number
  /** Nobody waits any more: then nothing more is looked for. */
  readonly signal?: AbortSignal
}

/** How many entries are decrypted before other work has its turn. */
const entriesInTurn = 64

/** Lets others have their turn now and then. Throws the signal's reason when nobody waits any more. */
async function* inTurns<R>(records: AsyncIterable<R>, signal?: AbortSignal): AsyncGenerator<R> {
  let count = 0
  for await (const record of records) {
    if (++count % entriesInTurn === 0) await nextTurn()
    signal?.throwIfAborted()
    yield record
  }
}

/** What a reading of the audit gives, one after the other. */
export type AuditLine = AuditEntry | AuditDamage | AuditCheck

export function isEntry(line: AuditLine): line is AuditEntry {
  return 'action' in line
}

export function isDamage(line: AuditLine): line is AuditDamage {
  return 'damaged' in line
}

/**
 * The entries that fit, oldest first, in their places what is damaged, whether asked for or not, and last what was
 * looked at. `endsNow` tells the ends as they are at the moment: entries come and go meanwhile.
 */
export async function* readEntries(
  store: Store,
  keyring: Keyring,
  endsNow: () => Promise<AuditEnds>,
  query: AuditQuery
): AsyncGenerator<AuditLine> {
  const generation = keyring.generation()
  const ends = await endsNow()
  const from = await beginning(store, keyring, ends, query)
  let [checked, damages, to] = [0, 0, ends.last]
  for await (const line of walk(store, keyring, { generation, ends, endsNow, from, signal: query.signal })) {
    if (isDamage(line)) {
      damages++
      yield line
    } else {
      checked++
      to = Math.max(to, line.sequence)
      if (fits(line, query)) yield line
    }
  }
  yield { checked, damages, from, to, oldest: ends.first, newest: to }
}

/** The entries from a number on, and what is wrong with them. */
async function* walk(
  store: Store,
  keyring: Keyring,
  {
    generation,
    ends,
    endsNow,
    from,
    signal
  }: {
    /** Of the keyring when the reading began. */
    generation: number
    ends: AuditEnds
    endsNow: () => Promise<AuditEnds>
    from: number
    signal: AbortSignal | undefined
  }
): AsyncGenerator<AuditEntry | AuditDamage> {
  let expected = from
  // Entries under other keys have other hashes: what was read before and after they came is not compared.
  const isUnderOthers = (): boolean => generation !== keyring.generation()
  // Null: the entry before cannot be compared with.
  let before = await hashBefore(store, from, ends.first)
  const records = store.list(auditPrefix, from > ends.first ? { after: entryKey(from - 1) } : {})
  for await (const record of inTurns(records, signal)) {
    const sequence = sequenceIn(record.key)
    const entry = sequence === null ? null : openEntry(keyring, record)
    if (sequence === null || sequence < expected || (entry === null && sequence > ends.last)) {
      yield { sequence: null, damaged: `the record ${JSON.stringify(record.key)} is of no entry` }
      continue
    }
    if (sequence > expected) {
      // Those that left meanwhile, because there are newer ones, are not missing.
      expected = Math.min(sequence, Math.max(expected, (await endsNow()).first))
      before = null
      if (sequence > expected) yield missing(expected, sequence - 1)
    }
    if (entry === null) yield { sequence, damaged: notWhatWasWritten(`entry ${sequence}`) }
    else {
      let doubt = doubtBefore(entry, before)
      if (doubt !== null && isUnderOthers()) doubt = await doubtNow(store, keyring, sequence)
      if (doubt !== null) yield doubt
      yield entry
    }
    before = entry && hashOf(record.value)
    expected = sequence + 1
  }
  if (expected <= ends.last) yield missing(expected, ends.last)
  else if (expected - 1 === ends.last && before !== null && ends.hash !== null && before !== ends.hash) {
    // That there are other keys has an entry of its own, after the last that was to be read.
    const doubt = isUnderOthers()
      ? await doubtNow(store, keyring, ends.last + 1)
      : { sequence: ends.last, damaged: notWhatWasWritten(`entry ${ends.last}`) }
    if (doubt !== null) yield doubt
  }
}

/** What is wrong between an entry and the one before it, as both lie in the store at one moment; null when one is gone. */
async function doubtNow(store: Store, keyring: Keyring, sequence: number): Promise<AuditDamage | null> {
  const after = entryKey(Math.max(0, sequence - 2))
  const [first, second] = await Array.fromAsync(store.list(auditPrefix, { after, limit: 2 }))
  if (first?.key !== entryKey(sequence - 1) || second?.key !== entryKey(sequence)) return null
  const entry = openEntry(keyring, second)
  return entry && doubtBefore(entry, hashOf(first.value))
}

async function hashBefore(store: Store, from: number, first: number): Promise<string | null> {
  if (from === 1) return noPrevious
  const record = from > first ? await store.get(entryKey(from - 1)) : null
  return record && hashOf(record.value)
}

function doubtBefore({ sequence, previous }: AuditEntry, before: string | null): AuditDamage | null {
  if (previous === null)
    return { sequence, damaged: `what came before entry ${sequence} was taken away or altered` }
  if (before === null || previous === before) return null
  return { sequence: sequence - 1, damaged: notWhatWasWritten(`entry ${sequence - 1}`) }
}

function missing(first: number, last: number): AuditDamage {
  return {
    sequence: first,
    damaged: first === last ? `entry ${first} is missing` : `entries ${first} to ${last} are missing`
  }
}

/** The number of the first entry to look at. Without conditions it is counted; with them, looked for from the end. */
async function beginning(
  store: Store,
  keyring: Keyring,
  { first, last }: AuditEnds,
  query: AuditQuery
): Promise<number> {
  const { limit, from, since, mostLooked = Infinity, signal } = query
  if (from !== undefined) return Math.max(first, from)
  if (!isConditional(query)) return Math.max(first, last - limit + 1)
  let [left, looked] = [limit, 0]
  for await (const record of inTurns(store.list(auditPrefix, { reverse: true }), signal)) {
    const sequence = sequenceIn(record.key)
    if (++looked >= mostLooked && sequence !== null) return Math.max(first, sequence)
    const entry = openEntry(keyring, record)
    if (entry === null) continue
    if (since !== undefined && entry.time < since) return Math.max(first, entry.sequence + 1)
    if (fits(entry, query) && --left <= 0) return Math.max(first, entry.sequence)
  }
  return first
}
