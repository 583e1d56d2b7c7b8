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
  // By time, and no two the same.
  return { put: `${prefix}${at}-${randomBytes(8).toString('hex')}`, value, expect: null }
}

/** Takes in what waits, oldest first, each in the commit that removes it: a crash neither loses one nor takes it in twice. */
export async function takeInWaiting(
  store: Store,
  audit: Pick<Audit, 'append'>,
  keyring: Keyring
): Promise<void> {
  for await (const record of store.list(prefix)) {
    const waiting = waitingIn(record)
    const done = { remove: record.key, expect: record.revision }
    const decision = { action: 'copy.wipe', decision: 'allowed' } as const
    if (waiting === null) {
      const details = { unauthenticated: new Date().toISOString() }
      const damaged = { ...decision, caller: { kind: 'daemon' }, failed: 'damaged', details } as const
      await audit.append(keyring, damaged, [record.revision === 0 ? { remove: record.key } : done])
    } else {
      const { at, caller, volume, mount } = waiting
      await audit.append(keyring, { ...decision, caller, details: { volume, mount, unauthenticated: at } }, [
        done
      ])
    }
  }
}

function waitingIn({ value }: StoredRecord): z.infer<typeof Waiting> | null {
  if (value.length > mostBytes) return null
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
