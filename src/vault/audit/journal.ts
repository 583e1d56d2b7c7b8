import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { parseMountId, parseVolumeName } from '../../base/names.ts'
import type { Keyring } from '../../crypto/keyring.ts'
import type { Store, StoredRecord, Write } from '../../store/store.ts'
import type { Caller } from '../access/authority.ts'
import type { Audit } from './audit.ts'

/*
 * While the vault is sealed there is no key for the audit. What is done all the same, the wiping of copies, waits in clear, and is
 * taken in when the vault is unsealed, as what it is: who can write the store could have written it, or taken it away.
 */

const prefix = 'journal/'
/** More than any row has. */
const mostBytes = 4096
/** By time, and no two the same. */
const place = /^journal\/[0-9TZ:.-]+-[0-9a-f]{16}$/
/** More than a host wipes while nobody unseals its vault, but where many containers end; about a second's commits. */
const mostTakenIn = 256

const id = z.int().min(0).max(0xffff_ffff)
const Waiting = z.strictObject({
  at: z.iso.datetime(),
  caller: z.union([
    z.strictObject({ kind: z.enum(['engine', 'daemon']) }),
    z.strictObject({ kind: z.literal('user'), uid: id, gid: id, pid: z.int().min(0) })
  ]),
  volume: z.string().refine(isReadBy(parseVolumeName)),
  mount: z.string().refine(isReadBy(parseMountId))
})

/** The write by which a wipe waits for the audit. It goes into the commit that forgets the copy. */
export function waitingWipe(caller: Caller, { volume, mount }: { volume: string; mount: string }): Write {
  const at = new Date().toISOString()
  const who =
    caller.kind === 'user'
      ? { kind: caller.kind, uid: caller.uid, gid: caller.gid, pid: caller.pid }
      : { kind: caller.kind }
  const value = Buffer.from(JSON.stringify({ at, caller: who, volume, mount }))
  return { put: `${prefix}${at}-${randomBytes(8).toString('hex')}`, value, expect: null }
}

/**
 * Takes in what waits, oldest first, each in the commit that removes it: a crash neither loses one nor takes it in twice. Who can write
 * the store can put there as much as there is room for: no more is taken in than would be noticed, so that nobody waits for long, and
 * the audit keeps what else it has. The rest, and what is no row of ours, goes in one commit with one entry that says how much that was.
 */
export async function takeInWaiting(
  store: Store,
  audit: Pick<Audit, 'append'>,
  keyring: Keyring
): Promise<void> {
  let [looked, strange] = [0, 0]
  for await (const record of store.list(prefix, { limit: mostTakenIn })) {
    looked++
    const waiting = waitingIn(record)
    if (waiting === null) strange++
    else {
      const { at, caller, volume, mount } = waiting
      const details = { volume, mount, unauthenticated: at }
      await audit.append(keyring, { ...wiped, caller, details }, [
        { remove: record.key, expect: record.revision }
      ])
    }
  }
  if (strange === 0 && looked < mostTakenIn) return
  const count = await store.count(prefix)
  if (count === 0) return
  const details = { count, unauthenticated: new Date().toISOString() }
  // A key that is no UTF-8 cannot be named, but it begins with what all begin with.
  await audit.append(keyring, { ...wiped, caller: { kind: 'daemon' }, failed: 'damaged', details }, [
    { removeAll: prefix }
  ])
}

const wiped = { action: 'copy.wipe', decision: 'allowed' } as const

/** Null for a row that we did not write; one of ours is written once. */
function waitingIn({ key, value, revision }: StoredRecord): z.infer<typeof Waiting> | null {
  if (!place.test(key) || revision !== 1 || value.length > mostBytes) return null
  try {
    return Waiting.parse(JSON.parse(value.toString()))
  } catch {
    return null
  }
}

function isReadBy(parse: (text: string) => string): (text: string) => boolean {
  return text => {
    try {
      return parse(text) === text
    } catch {
      return false
    }
  }
}
