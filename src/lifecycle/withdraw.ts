import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import type { CopyKey } from '../copies/copy-key.ts'
import type { Engine } from '../engine/engine.ts'
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

  const takeFrom = async (key: CopyKey | null, container: RecordedContainer): Promise<void> => {
    const { id, name } = container
    log.error({ container: id, name }, 'a copy came to a container that may not use its box')
    await Promise.all([
      key === null ? null : wipe(parts, key, container),
      engine.kill(id).catch((err: unknown) => {
        log.error({ err, container: id }, 'cannot kill a container that may not use its box')
      })
    ])
  }

  return {
    async foundAt(key, container) {
      const madeFor = uses.of(key)?.madeFor ?? null
      if (madeFor === null) return
      uses.found(key)
      if (!madeFor.has(container.id)) await takeFrom(key, container)
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
      if (key !== null) uses.found(key)
      await takeFrom(key, { id, name: known?.name ?? null, image: known?.image ?? null })
    }
  }
}

/** Wipes it while it may be held: what is in it is gone for the container, too. */
async function wipe(
  { store, gate, copies, sockets, uses, locks, log }: WithdrawParts,
  key: CopyKey,
  { id, name, image }: RecordedContainer
): Promise<void> {
  const whom = {
    container: id,
    ...(name === null ? {} : { containerName: name }),
    ...(image === null ? {} : { image })
  }
  const work = async (): Promise<void> => {
    const use = uses.of(key)
    // It was let go of, and wiped, meanwhile.
    if (use === undefined) return
    const { volume, mount } = use
    const box = (await findCopyRow(store, volume, mount))?.record?.box
    sockets.close(key)
    await copies.wipe(key)
    if (box === undefined) return
    await gate.run({ kind: 'daemon' }, 'copy.withdraw', { volume, mount, box }, permit =>
      permit.commit(whom, [])
    )
  }
  await locks.run(key, work).catch((err: unknown) => log.error({ err, copy: key }, 'cannot withdraw a copy'))
}
