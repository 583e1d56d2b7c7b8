import type { Logger } from 'pino'
import { copyKeyOf } from '../copies/copy-key.ts'
import type { Copies } from '../copies/copies.ts'
import type { KeyedMutex } from '../base/keyed-mutex.ts'
import type { CopySockets } from '../lifecycle/copy-sockets.ts'
import type { Store } from '../store/store.ts'
import { copyRows, findVolumeRow, type CopyRow } from '../volumes/records.ts'
import type { Chore } from './chores.ts'

export interface ReopeningParts {
  readonly store: Store
  readonly copies: Pick<Copies, 'deviceOf'>
  readonly sockets: Pick<CopySockets, 'open'>
  readonly locks: KeyedMutex
  readonly log: Logger
}

/**
 * Serves again, after a start of the daemon, at the sockets of copies that were made before. It is done once, and those that
 * could not be opened are tried again.
 */
export function createReopening(parts: ReopeningParts): Chore {
  let isExpected = true
  return {
    name: 'open the sockets of copies',
    expect() {
      isExpected = true
    },
    isDue: () => isExpected,
    async run() {
      isExpected = false
      for await (const row of copyRows(parts.store, null))
        if (!(await reopened(parts, row))) isExpected = true
    }
  }
}

/** False when it must be tried again. */
async function reopened(
  { store, copies, sockets, locks, log }: ReopeningParts,
  row: CopyRow
): Promise<boolean> {
  const { volume, mount } = row
  const key = copyKeyOf(volume, mount)
  const known = await findVolumeRow(store, volume)
  if (known?.volume?.options.api !== true) return true
  try {
    // Not while it is made or wiped.
    await locks.run(key, async () => {
      if (copies.deviceOf(key) !== null) await sockets.open({ key, owner: { volume, mount } })
    })
    return true
  } catch (err) {
    log.warn({ err, volume, mount }, 'cannot open the socket of a copy')
    return false
  }
}
