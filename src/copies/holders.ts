import type { CopyKey } from './copy-key.ts'
import { coalesce } from '../base/coalesce.ts'
import type { Supervisor } from './supervisor.ts'
import { lookBytes, lookHolderBytes, lookReplyBytes, readLookHolder, readLookReply } from './wire.ts'

/** A mount table that shows a copy where it was not made, so that something may use it there. */
export interface Holder {
  /** 64 hex digits, or null when its mounts tell of no container. */
  readonly containerId: string | null
  /** A process that uses that mount table; null when there is none, or it was not looked for. */
  readonly pid: number | null
}

/**
 * Which file system is meant: the copy of that key with this `st_dev`, as stat(2) says now or as it was recorded. The
 * kernel gives the number of one that is gone to the next, so that neither says it alone.
 */
export interface CopyDevice {
  readonly key: CopyKey
  readonly device: number
}

/** What a look found. */
export interface Sight {
  /** Who holds one of the copies that were asked about; none when nobody does. */
  of(copy: CopyDevice): readonly Holder[]
  /** Every mount table there is was read. Otherwise what was not found may be there all the same. */
  readonly isComplete: boolean
}

/** Who holds which copies, as the kernel says it. */
export interface Holders {
  /**
   * Looks for those that hold any of these copies now, or a moment later. Never throws: a look that fails has found
   * nothing, and is not complete.
   */
  of(copies: readonly CopyDevice[]): Promise<Sight>
  /**
   * Whether the mount namespace that a process is in shows the copy where it was not made. False as well when that cannot be
   * known, as of a process that has ended.
   */
  isShownTo(pid: number, copy: CopyDevice): Promise<boolean>
}

const nothing = sightOf(new Map(), false)

/** Has the supervisor look. Concurrent questions share a look that is younger than each of them. */
export function createHolders(supervisor: Supervisor): Holders {
  let asked = new Map<string, CopyDevice>()
  const look = coalesce(async () => {
    const copies = [...asked.values()]
    asked = new Map()
    return seenBy(supervisor, lookBytes(copies))
  })
  return {
    of(copies) {
      if (copies.length === 0) return Promise.resolve(sightOf(new Map(), true))
      for (const copy of copies) asked.set(nameOf(copy), copy)
      return look()
    },

    async isShownTo(pid, copy) {
      if (pid <= 0) return false
      return (await seenBy(supervisor, lookBytes([copy], pid))).of(copy).length > 0
    }
  }
}

async function seenBy(supervisor: Supervisor, question: Buffer): Promise<Sight> {
  try {
    return await supervisor.look(async connection => {
      await connection.send(question)
      const head = await connection.receive(lookReplyBytes)
      if (head === null) return nothing
      const { count, isComplete } = readLookReply(head)
      const body = await connection.receive(count * lookHolderBytes)
      return body === null ? nothing : sightOf(holdersIn(body), isComplete)
    })
  } catch {
    return nothing
  }
}

function nameOf({ device, key }: { readonly device: number; readonly key: string }): string {
  return `${device} ${key}`
}

function sightOf(holders: ReadonlyMap<string, readonly Holder[]>, isComplete: boolean): Sight {
  return { of: copy => holders.get(nameOf(copy)) ?? [], isComplete }
}

function holdersIn(body: Buffer): ReadonlyMap<string, readonly Holder[]> {
  const holders = new Map<string, Holder[]>()
  for (let at = 0; at < body.length; at += lookHolderBytes) {
    const { pid, containerId, ...copy } = readLookHolder(body.subarray(at, at + lookHolderBytes))
    const known = holders.get(nameOf(copy)) ?? []
    holders.set(nameOf(copy), known)
    known.push({ containerId, pid: pid === 0 ? null : pid })
  }
  return holders
}
