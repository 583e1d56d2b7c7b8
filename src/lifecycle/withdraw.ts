import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import type { CopyKey } from '../copies/copy-key.ts'
import type { Engine } from '../engine/engine.ts'
import { SecretboxError } from '../base/errors.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { VolumeName } from '../base/names.ts'
import type { Store } from '../store/store.ts'
import type { Gate } from '../vault/action/gate.ts'
import { findCopyRow, type RecordedContainer } from '../volumes/records.ts'
import type { CopySockets } from './copy-sockets.ts'
import type { Uses } from './engine-calls.ts'
import { isRunning } from './engine-word.ts'

/** What is done about a copy of a closed box that came to another container than those it was made for. */
export interface Withdraw {
  /** A container was found to hold a copy: takes it away from one that it is not for. */
  foundAt(key: CopyKey, container: RecordedContainer): Promise<void>
  /** The Engine tells that it mounted a copy of the volume for a container, whose process does not run yet. */
  mountedFor(volume: VolumeName, containerId: string): Promise<void>
  /** Whether something could not be taken away, or a container not be killed. */
  isOwed(): boolean
  /** Tries that again. What is over by itself is owed no more. */
  again(): Promise<void>
}

/** What is still to be done about a container that has what is not for it. */
interface Owed {
  readonly container: RecordedContainer
  readonly volume: VolumeName
  /** The copy that is to be wiped; null: that is done, or it is not known which. */
  key: CopyKey | null
  isKilled: boolean
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

/**
 * A Mount does not say for whom it is, so a copy of a closed box is made for those that may be starting, of which all are
 * granted. Should it come to another one all the same, the copy is wiped, though it is held, and the container is killed.
 */
export function createWithdraw(parts: WithdrawParts): Withdraw {
  const { engine, uses, log } = parts
  const owed = new Set<Owed>()

  const attempt = async (one: Owed): Promise<void> => {
    const { container } = one
    const wipeIt = async (key: CopyKey): Promise<void> => {
      try {
        await wipe(parts, key, container)
        one.key = null
        uses.found(key)
      } catch (err) {
        log.error({ err, copy: key }, 'cannot withdraw a copy')
      }
    }
    const killIt = async (): Promise<void> => {
      try {
        await engine.kill(container.id)
        one.isKilled = true
      } catch (err) {
        log.error({ err, container: container.id }, 'cannot kill a container that may not use its box')
      }
    }
    await Promise.all([one.key === null ? null : wipeIt(one.key), one.isKilled ? null : killIt()])
    if (one.key === null && one.isKilled) owed.delete(one)
  }

  const takeFrom = async (
    volume: VolumeName,
    key: CopyKey | null,
    container: RecordedContainer
  ): Promise<void> => {
    // It is told of again and again until it is done.
    if ([...owed].some(one => one.container.id === container.id && one.key === key)) return
    log.error(
      { container: container.id, name: container.name },
      'a copy came to a container that may not use its box'
    )
    const one = { container, volume, key, isKilled: false }
    owed.add(one)
    await attempt(one)
  }

  /** Whoever is started after the copy was let go of has another, and was let in for it. */
  const isOver = ({ key, volume }: Owed): boolean =>
    key === null ? !uses.hasCounted(volume) : uses.of(key) === undefined

  return {
    async foundAt(key, container) {
      const use = uses.of(key)
      const madeFor = use?.madeFor ?? null
      if (use === undefined || madeFor === null) return
      if (madeFor.has(container.id)) uses.found(key)
      else await takeFrom(use.volume, key, container)
    },

    async mountedFor(volume, id) {
      const expecting = uses.expecting(volume)
      const own = expecting.find(([, madeFor]) => madeFor.has(id))
      if (own !== undefined) uses.found(own[0])
      if (own !== undefined || expecting.length === 0) return
      const known = (await engine.containers(volume)).find(container => container.id === id)
      // "docker cp" mounts for one that runs, too. If it has just started, it will be found to hold a copy.
      if (known !== undefined && isRunning(known)) return
      // Which one it has, of several, is known when it holds it.
      const [only, ...others] = expecting
      const key = only !== undefined && others.length === 0 ? only[0] : null
      await takeFrom(volume, key, { id, name: known?.name ?? null, image: known?.image ?? null })
    },

    isOwed: () => owed.size > 0,

    async again() {
      for (const one of owed) if (isOver(one)) owed.delete(one)
      await Promise.all([...owed].map(attempt))
    }
  }
}

/** Wipes it while it may be held: what is in it is gone for the container, too. */
async function wipe(
  { store, gate, copies, sockets, uses, locks }: WithdrawParts,
  key: CopyKey,
  { id, name, image }: RecordedContainer
): Promise<void> {
  const whom = {
    container: id,
    ...(name === null ? {} : { containerName: name }),
    ...(image === null ? {} : { image })
  }
  await locks.run(key, async () => {
    const use = uses.of(key)
    // It was let go of, and wiped, meanwhile.
    if (use === undefined) return
    const { volume, mount } = use
    const box = (await findCopyRow(store, volume, mount))?.record?.box
    sockets.close(key)
    if (!(await copies.wipe(key)))
      throw new SecretboxError('in_use', 'a file of the copy is kept from being overwritten')
    if (box === undefined) return
    await gate.run({ kind: 'daemon' }, 'copy.withdraw', { volume, mount, box }, permit =>
      permit.commit(whom, [])
    )
  })
}
