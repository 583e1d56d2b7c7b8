import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectedLook, lookScript, type Files } from '../kit/engine/boxes.ts'
import { containerThatBinds } from '../kit/engine/kernel.ts'
import type { Container, Model } from './model.ts'

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

/**
 * The pid of its first process, by the kernel's word; null when it does not run. What runc still prepares does not: it
 * may yet end, and sees the host's files until it has changed its root.
 */
export async function pidOf({ report }: Pick<Container, 'report'>): Promise<number | null> {
  const pid = await containerThatBinds(report)
  const name = pid === null ? '' : await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  return name === '' || name.startsWith('runc') ? null : pid
}

/**
 * What is wrong with a copy, or null: that it holds now, seen through the container's root, none of the trees that
 * it may show, or that the container has ever seen another. What it can no longer show is dropped from `may`.
 */
export async function wrongIn(
  container: Container,
  pid: number,
  copy: number,
  may: Files[],
  model: Model
): Promise<string | null> {
  const now = await filesBelow(join(`/proc/${pid}/root/copies`, String(copy))).catch(
    (error: unknown) => error as Error
  )
  if (now instanceof Error) return `${container.name} cannot be looked into: ${now.message}`
  const wrong = wrongAmong(model, may, now)
  if (wrong !== null) return `${container.name} has other files in its copy ${copy}: ${wrong}`
  may.splice(0, may.length, ...may.filter(files => isSame(files, now)))
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
function isSame(one: Files, other: Files): boolean {
  return (
    one.size === other.size &&
    [...one].every(([path, contents]) => other.get(path)?.equals(contents) === true)
  )
}

/** What is wrong with files that must be one of the trees, or null. Names only, for contents are secrets. */
export function wrongAmong(model: Model, may: readonly Files[], now: Files): string | null {
  if (may.some(files => isSame(files, now))) return null
  return `there is ${nameOf(model, now)}, and should be ${may.map(files => nameOf(model, files)).join(' or ')}`
}

/** The versions that hold just these files, or their paths. */
function nameOf({ boxes }: Model, files: Files): string {
  const versions = [...boxes].flatMap(([box, { versions: all }]) =>
    [...all].filter(([, version]) => isSame(version, files)).map(([number]) => `${box} version ${number}`)
  )
  return versions.join(', ') || `${files.size} files (${[...files.keys()].sort().join(' ')})`
}
