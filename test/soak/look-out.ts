import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedLook, lookScript, type Files } from '../engine/faults/boxes.ts'
import { containerThatBinds } from '../engine/faults/kernel.ts'
import type { Container } from './model.ts'

/**
 * The script that a container runs: looks at each of its copies, /copies/0 and so on, once a second, and adds a
 * line to /report/<start>-<copy> whenever it looks otherwise than before; <start> is what /report/start held.
 */
export const lookOut = `
start=$(cat /report/start)
for copy in 0 1; do
  [ -d /copies/$copy ] || continue
  (
    cd /copies/$copy
    before=
    while :; do
      now=$(echo $(${lookScript}))
      [ "$now" = "$before" ] || echo "$now" >>/report/$start-$copy
      before=$now
      sleep 1
    done
  ) &
done
wait
`

/** The pid of its first process, by the kernel's word; null when it does not run. */
export function pidOf({ report }: Pick<Container, 'report'>): Promise<number | null> {
  return containerThatBinds(report)
}

/**
 * What is wrong with a copy, or null: that it holds now, seen through the container's root, none of the trees that
 * it may show, or that the container has ever seen another. What it can no longer show is dropped from `may`.
 */
export async function wrongIn(
  container: Container,
  pid: number,
  copy: number,
  may: Files[]
): Promise<string | null> {
  const now = await filesBelow(join(`/proc/${pid}/root/copies`, String(copy)))
  const shown = may.filter(files => isSame(files, now))
  if (shown.length === 0)
    return `${container.name} has other files in its copy ${copy}: ${difference(may, now)}`
  may.splice(0, may.length, ...shown)
  const report = join(container.report, `${container.starts}-${copy}`)
  const seen = (await readFile(report, 'utf8').catch(() => '')).trimEnd()
  const wanted = may.map(files => expectedLook(files).replaceAll('\n', ' '))
  if (seen !== '' && !wanted.some(look => squeezed(look) === seen))
    return `${container.name} saw other files in its copy ${copy}: ${seen}, not ${wanted.join(' or ')}`
  return null
}

function squeezed(text: string): string {
  return text.replace(/ +/g, ' ')
}

/** All regular files below a directory, by their paths. */
export async function filesBelow(directory: string): Promise<Files> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = new Map<string, Buffer>()
  for (const entry of entries.filter(one => one.isFile())) {
    const path = join(entry.parentPath, entry.name)
    files.set(path.slice(directory.length + 1), await readFile(path))
  }
  return files
}

/** True when both have the same paths with the same contents. */
export function isSame(one: Files, other: Files): boolean {
  return (
    one.size === other.size &&
    [...one].every(([path, contents]) => other.get(path)?.equals(contents) === true)
  )
}

/** Names only, for contents are secrets. */
function difference(may: readonly Files[], now: Files): string {
  const wanted = may.map(files => [...files.keys()].sort().join(' ') || 'nothing')
  return `there is ${[...now.keys()].sort().join(' ') || 'nothing'}, and should be ${wanted.join(', or ')}`
}
