import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The environment variable that names the directory in which tests order faults. */
export const faultsVariable = 'SECRETBOX_FAULTS'

/** A moment inside a job (supervisor/faults.c), which knows the orders `kill` and `wait`. */
export type JobPoint =
  | 'make.mounted'
  | 'make.parted'
  | 'make.written'
  | 'make.made'
  | 'listen.bound'
  | 'wipe.begun'
  | 'wipe.parted'
  | 'wipe.overwritten'
  | 'wipe.unmounted'

/** A moment inside the daemon at which tests make things go wrong. */
export type FaultPoint =
  | 'mount.begun'
  | 'mount.recorded'
  | 'mount.mounted'
  | 'mount.written'
  | 'mount.done'
  | 'mount.shared'
  | 'unmount.begun'
  | 'unmount.judged'
  | 'unmount.wiped'
  | 'unmount.done'
  | 'reconcile.judged'
  | 'change.staged'
  | 'change.committed'
  | 'rotate.prepared'
  | 'rotate.committing'
  | 'rotate.committed'
  | 'start.opened'
  | 'start.listening'

/**
 * Does what a test has asked for at this point: `<SECRETBOX_FAULTS>/<point>` holds `kill` (SIGKILL to this process),
 * `throw`, or `wait` (until the file is removed). `<point>.reached` is written first and the order is used up, so
 * that a restarted daemon passes. Calls stand behind the label FAULT, which the build of the plugin drops.
 */
export async function reach(point: FaultPoint): Promise<void> {
  const directory = process.env[faultsVariable]
  if (directory === undefined) return
  const order = join(directory, point)
  if (!existsSync(order)) return
  const action = readFileSync(order, 'utf8').trim()
  const claimed = `${order}.reached`
  if (existsSync(claimed)) return
  writeFileSync(claimed, String(process.pid))
  if (action === 'kill') process.kill(process.pid, 'SIGKILL')
  if (action === 'throw') throw new Error(`fault point ${point}`)
  await untilIn(directory, () => !existsSync(order))
}

/** Resolves when `holds` says so; it is asked at once, and again whenever something changes in the directory. */
export function untilIn(directory: string, holds: () => boolean, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    // Watching before asking, so that a change in between is not missed.
    const watcher = watch(directory, { ...(signal === undefined ? {} : { signal }) })
    const ask = (): void => {
      if (!holds()) return
      watcher.close()
      resolve()
    }
    watcher.on('change', ask)
    ask()
  })
}
