import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Engine } from '../engine/engine.ts'
import { SecretboxError } from '../base/errors.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { VolumeName } from '../base/names.ts'
import type { Store } from '../store/store.ts'
import type { Gate } from '../vault/action/gate.ts'
import { commitPrepared } from '../vault/action/overtaken.ts'
import {
  copyRecordsOf,
  findCopyRow,
  putCopyRecord,
  type CopyRecord,
  type RecordedContainer
} from '../volumes/records.ts'
import type { CopySockets } from './copy-sockets.ts'
import type { Uses } from './engine-calls.ts'
import { isRunning } from './engine-word.ts'

/**
 * What is done about a copy of a closed box that came to another container than those it was made for. Its record says which
 * these are, and which one has it, before anything is done: the next daemon finds there what this one did not get to.
 */
export interface Withdraw {
  /** Takes a copy away from a container that it is not for. */
  from(record: CopyRecord, container: RecordedContainer): Promise<void>
  /**
   * The Engine tells that it mounted a copy of the volume for a container, whose process did not run yet, and when (milliseconds
   * since 1970).
   */
  mountedFor(volume: VolumeName, containerId: string, atMs: number): Promise<void>
  /** Whether something could not be taken away, or a container not be killed. */
  isOwed(): boolean
  /** Tries that again. What is over by itself is owed no more. */
  again(): Promise<void>
}

/** What is still to be done about a container that has what is not for it. */
interface Owed {
  readonly container: RecordedContainer
  readonly volume: VolumeName
  /** Of the copy that it has; null: it is not known which that is, before it is found to hold one. */
  readonly record: CopyRecord | null
  isNoted: boolean
  isWiped: boolean
  isKilled: boolean
  underWay: Promise<void> | null
}

export interface WithdrawParts {
  readonly store: Store
  readonly gate: Gate
  readonly copies: Copies
  readonly sockets: Pick<CopySockets, 'close'>
  readonly engine: Engine
  readonly uses: Uses
  readonly locks: KeyedMutex
  readonly log: Logger
}

/** Whether a copy came to a container that it was not made for. */
export function isAstray({ madeFor }: Pick<CopyRecord, 'madeFor'>, { id }: RecordedContainer): boolean {
  return madeFor !== null && !madeFor.includes(id)
}

/**
 * A Mount does not say for whom it is, so a copy of a closed box is made for those that may be starting, of which all are
 * granted. Should it come to another one all the same, the copy is wiped, though it is held, and the container is killed.
 */
export function createWithdraw(parts: WithdrawParts): Withdraw {
  const { store, engine, uses, log } = parts
  const owed = new Set<Owed>()
  /** What this daemon has taken away: records of that stay until nobody holds the copy. */
  const done = new Set<string>()

  /** One at a time for each: what is under way is not begun again. */
  const attempt = (one: Owed): Promise<void> => {
    one.underWay ??= takeAway(parts, one).finally(() => (one.underWay = null))
    return one.underWay.then(() => {
      if (!one.isWiped || !one.isKilled) return
      owed.delete(one)
      if (one.record !== null) done.add(nameOf(one.record, one.container))
    })
  }

  const takeFrom = async (
    volume: VolumeName,
    record: CopyRecord | null,
    container: RecordedContainer
  ): Promise<void> => {
    const { id, name } = container
    // It is told of again and again until it is done.
    if ([...owed].some(one => one.container.id === id && one.record?.mount === record?.mount)) return
    if (record !== null && done.has(nameOf(record, container))) return
    log.error({ container: id, name }, 'a copy came to a container that may not use its box')
    const one = {
      container,
      volume,
      record,
      ...{ isNoted: false, isWiped: false, isKilled: false, underWay: null }
    }
    owed.add(one)
    await attempt(one)
  }

  /** Whoever is started after the copy was let go of has another, and was let in for it. */
  const isOver = async ({ record, volume }: Owed): Promise<boolean> =>
    record === null ? !uses.hasCounted(volume) : (await recordNow(store, record)) === null

  return {
    from: (record, container) => takeFrom(record.volume, record, container),

    async mountedFor(volume, id, atMs) {
      if (!uses.hasCounted(volume)) return
      const nobodys: CopyRecord[] = []
      for await (const record of copyRecordsOf(store, volume))
        if (record.container === null) nobodys.push(record)
      // It may have one that is for it, or had one. Otherwise it will be found to hold it.
      if (nobodys.some(record => !isAstray(record, { id, name: null, image: null }))) return
      if (nobodys.length === 0 || (uses.lastForgotten(volume) ?? 0) >= atMs) return
      const known = (await engine.containers(volume)).find(container => container.id === id)
      // "docker cp" mounts for one that runs, too. If it has just started, it will be found to hold a copy.
      if (known !== undefined && isRunning(known)) return
      // Which one it has, of several, is known when it holds it.
      const [only, ...others] = nobodys
      const its = only !== undefined && others.length === 0 ? only : null
      await takeFrom(volume, its, { id, name: known?.name ?? null, image: known?.image ?? null })
    },

    isOwed: () => owed.size > 0,

    async again() {
      for (const one of owed) if (await isOver(one)) owed.delete(one)
      await Promise.all([...owed].map(attempt))
    }
  }
}

/** The record of a copy as it is by now; null when that copy is gone. */
async function recordNow(store: Store, { volume, mount, created }: CopyRecord): Promise<CopyRecord | null> {
  const record = (await findCopyRow(store, volume, mount))?.record
  return record?.created === created ? record : null
}

/** Notes it, wipes the copy and kills the container, as far as that is still to be done; what fails is logged. */
async function takeAway(parts: WithdrawParts, one: Owed): Promise<void> {
  const { container, record } = one
  const log = parts.log.child({ container: container.id })
  const succeeds = async (step: () => Promise<unknown>, failed: string): Promise<boolean> => {
    try {
      await step()
      return true
    } catch (err) {
      log.error({ err }, failed)
      return false
    }
  }
  const withCopy = async (step: typeof note): Promise<void> => {
    if (record !== null) await step(parts, record, container)
  }
  const kill = async (): Promise<void> => {
    one.isKilled ||= await succeeds(
      () => parts.engine.kill(container.id),
      'cannot kill a container that may not use its box'
    )
  }
  one.isNoted ||= await succeeds(
    () => withCopy(note),
    'cannot record which container has a copy that is not for it'
  )
  const killing = kill()
  // A wiped copy of which nothing is noted would not tell the next daemon whom to kill.
  if (!one.isNoted) await killing
  one.isWiped ||= await succeeds(() => withCopy(wipe), 'cannot withdraw a copy: it is tried again')
  await killing
}

/** A copy and who has it; another copy of the same mount ID is another. */
function nameOf({ volume, mount, created }: CopyRecord, { id }: RecordedContainer): string {
  return [volume, mount, created, id].join(' ')
}

/** Notes who has the copy. That says what is to be done, and nothing of what was: it takes no permit, and no key. */
async function note(
  { store, locks }: WithdrawParts,
  seen: CopyRecord,
  container: RecordedContainer
): Promise<void> {
  await locks.run(copyKeyOf(seen.volume, seen.mount), async () => {
    const record = await recordNow(store, seen)
    if (record !== null) await store.commit([putCopyRecord({ ...record, container })])
  })
}

/** Wipes it while it may be held: what is in it is gone for the container, too. */
async function wipe(
  { store, gate, copies, sockets, locks }: WithdrawParts,
  seen: CopyRecord,
  container: RecordedContainer
): Promise<void> {
  const { volume, mount, box } = seen
  const { id, name, image } = container
  const whom = {
    container: id,
    ...(name === null ? {} : { containerName: name }),
    ...(image === null ? {} : { image })
  }
  const key = copyKeyOf(volume, mount)
  await locks.run(key, async () => {
    const record = await recordNow(store, seen)
    // It was let go of, and wiped, meanwhile.
    if (record === null) return
    sockets.close(key)
    if (!(await copies.wipe(key)))
      throw new SecretboxError('in_use', 'a file of the copy is kept from being overwritten')
    await gate.run({ kind: 'daemon' }, 'copy.withdraw', { volume, mount, box }, permit =>
      commitPrepared(permit, async () => {
        const now = (await recordNow(store, seen)) ?? record
        return {
          answer: undefined,
          details: whom,
          writes: [putCopyRecord({ ...now, container })]
        }
      })
    )
  })
}
