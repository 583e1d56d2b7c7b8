import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import type { CopyKey } from '../copies/copy-key.ts'
import type { Engine } from '../engine/engine.ts'
import { isSecretboxError } from '../base/errors.ts'
import { reach } from '../base/fault-points.ts'
import type { MountId, VolumeName } from '../base/names.ts'
import type { Store } from '../store/store.ts'
import type { Caller } from '../vault/access/authority.ts'
import type { Gate } from '../vault/action/gate.ts'
import { waitingWipe } from '../vault/audit/journal.ts'
import { findCopyRow, removeCopyRecord } from '../volumes/records.ts'
import { decideRelease, type ReleaseDecision } from './decide.ts'
import type { CopySockets } from './copy-sockets.ts'
import type { Uses } from './engine-calls.ts'
import { wordOfEngine } from './engine-word.ts'
import type { CopyName, Facts, Observe } from './facts.ts'
import type { Kept } from './kept.ts'
import { settle } from './settle.ts'

/**
 * Wipes a copy and forgets its record, unless the kernel says that something holds it. The caller holds the copy's lock
 * and knows that no container is about to hold it. `hasEnded`: it knows, beside that, that whatever used the copy has ended;
 * null: the Engine is asked for its word when not every mount table could be read. True when nothing is left; false
 * when it is held, here or where it cannot be reached, or may be, or cannot be overwritten just now, or its record
 * cannot be removed. Throws only when the copy is there and cannot be unmounted.
 */
export type Release = (caller: Caller, copy: CopyName, hasEnded: boolean | null) => Promise<boolean>

export interface ReleaseParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly observe: Observe
  readonly engine: Engine
  readonly uses: Uses
  readonly kept: Kept
  readonly sockets: Pick<CopySockets, 'close'>
  readonly log: Logger
}

export function createRelease(parts: ReleaseParts): Release {
  const { observe, engine, uses, kept, log } = parts

  return async (caller, copy, hasEnded) => {
    const { key, owner } = copy
    const known = { ...observe.one(copy, await readRow(parts, copy)), hasEnded }
    const { decision } = await settle(known, decideRelease, observe, wordOfEngine(engine))
    if (decision.do === 'keep') {
      if (decision.why === 'unclear') kept.add(copy)
      sayWhyKept(log, copy, decision.why)
      return false
    }
    FAULT: await reach('unmount.judged')
    parts.sockets.close(key)
    if (!(await wipe(parts, key))) return false
    FAULT: await reach('unmount.wiped')
    if (decision.record === 'stays') {
      log.info({ ...owner, copy: key }, 'copy is still held where it cannot be reached')
      return false
    }
    if (owner !== null && decision.record === 'goes' && !(await forgetRecord(parts, caller, owner)))
      return false
    uses.forget(key)
    kept.remove(key)
    return true
  }
}

type WhyKept = Extract<ReleaseDecision, { do: 'keep' }>['why']

function sayWhyKept(log: Logger, { key, owner }: CopyName, why: WhyKept): void {
  const told = { ...owner, copy: key }
  if (why === 'held') log.info(told, 'copy is still held and stays')
  else {
    log.warn(
      told,
      'not every mount table could be read: a copy stays until the Engine says that its container has ended'
    )
  }
}

/** True when it is gone. */
async function wipe({ copies, log }: ReleaseParts, key: CopyKey): Promise<boolean> {
  try {
    const isGone = await copies.wipe(key)
    if (!isGone) log.warn({ copy: key }, 'a file of a copy is kept from being overwritten: it is tried again')
    return isGone
  } catch (err) {
    if (copies.deviceOf(key) !== null) throw err
    log.error({ err, copy: key }, 'copy is gone, but could not be overwritten')
    return true
  }
}

async function forgetRecord(
  { store, gate, log }: ReleaseParts,
  caller: Caller,
  { volume, mount }: { readonly volume: VolumeName; readonly mount: MountId }
): Promise<boolean> {
  const change = removeCopyRecord(volume, mount)
  try {
    await gate.run(caller, 'copy.wipe', { volume, mount }, permit => permit.commit({}, [change]))
    return true
  } catch (err) {
    // The copy is gone; that this cannot be recorded must not keep the container's stop from succeeding. In a sealed vault it waits.
    const isSealed = isSecretboxError(err, 'sealed')
    if (!isSealed) log.warn({ err, volume, mount }, 'cannot record that a copy was wiped')
    return store.commit([change, ...(isSealed ? [waitingWipe(caller, { volume, mount })] : [])]).then(
      () => true,
      () => false
    )
  }
}

/** A copy is wiped whatever the store says of it, and also when it says nothing. */
async function readRow({ store, log }: ReleaseParts, { key, owner }: CopyName): Promise<Facts['row']> {
  if (owner === null) return null
  try {
    return await findCopyRow(store, owner.volume, owner.mount)
  } catch (err) {
    log.error({ err, ...owner, copy: key }, 'cannot read the record of a copy')
    return 'unread'
  }
}
