import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { join } from 'node:path'

/** A moment inside the daemon at which tests make things go wrong. */
export type FaultPoint =
  | 'mount.begun'
  | 'mount.labelled'
  | 'mount.mounted'
  | 'mount.written'
  | 'mount.done'
  | 'unmount.begun'
  | 'unmount.judged'
  | 'unmount.wiped'
  | 'unmount.done'
  | 'reconcile.judged'
  | 'change.staged'
  | 'change.committed'
  | 'start.opened'
  | 'start.listening'

/**
 * Does what a test has asked for at this point: `<SECRETBOX_FAULTS>/<point>` holds `kill` (SIGKILL to this process),
 * `throw`, or `wait` (until the file is removed). `<point>.reached` is written first and the order is used up, so
 * that a restarted daemon passes. Calls stand behind the label FAULT, which the build of the plugin drops.
 */
export async function reach(point: FaultPoint): Promise<void> {
  const directory = process.env['SECRETBOX_FAULTS']
  if (directory === undefined) return
  const order = join(directory, point)
  if (!existsSync(order)) return
  const action = readFileSync(order, 'utf8').trim()
  const claimed = `${order}.reached`
  if (existsSync(claimed)) return
  writeFileSync(claimed, String(process.pid))
  if (action === 'kill') process.kill(process.pid, 'SIGKILL')
  if (action === 'throw') throw new Error(`fault point ${point}`)
  const ending = new AbortController()
  const changes = watch(directory, { signal: ending.signal })
  // Looked at after the watch began, so that a removal in between is not missed.
  if (!existsSync(order)) return
  for await (const _change of changes) if (!existsSync(order)) return
}
