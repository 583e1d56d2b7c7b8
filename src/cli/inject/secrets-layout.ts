import { posix } from 'node:path'
import { quote } from '../../base/errors.ts'
import { parseFilePath, type FilePath } from '../../base/names.ts'
import { UsageError } from '../output/failure.ts'
import { isTakenByRuntime } from './injection.ts'
import type { Claim } from './mount-flags.ts'

/** How the files of a container's secrets lie in their box, and what of it is mounted where. */
export interface SecretsLayout {
  /** Where in the box each file lies, by its target. */
  readonly files: ReadonlyMap<string, FilePath>
  readonly mounts: readonly { readonly target: string; readonly path: FilePath }[]
  /** Each mount is a file alone, which takes a volume's subpath; otherwise a directory. */
  readonly isByFile: boolean
}

/** From here on an Engine mounts a part of a volume, also a file (API 1.45, Docker Engine 26). */
const subpathApi = [1, 45] as const

/** Whether an API of this version, `MAJOR.MINOR`, takes `volume-subpath`; one that is not known does not. */
export function hasSubpaths(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > subpathApi[0] || (major === subpathApi[0] && minor >= subpathApi[1])
}

/** Each file by itself. As for directories: the same targets lie in the same way, whatever order they come in. */
export function layoutByFile(targets: readonly string[]): SecretsLayout {
  const mounts = [...targets].sort().map((target, i) => ({ target, path: parseFilePath(`files/${i + 1}`) }))
  return { files: new Map(mounts.map(({ target, path }) => [target, path])), mounts, isByFile: true }
}

/** A volume for each directory in which targets lie, but for those within another. */
export function layoutByDirectory(targets: readonly string[]): SecretsLayout {
  const parents = [...new Set(targets.map(target => posix.dirname(target)))]
  const outer = parents.filter(parent => !parents.some(other => isBelow(parent, other)))
  const mounts = outer.sort().map((target, i) => ({ target, path: parseFilePath(`files/${i + 1}`) }))
  const placeOf = (target: string): FilePath => {
    const mount = mounts.find(each => isBelow(target, each.target))
    return parseFilePath(`${mount?.path ?? ''}/${target.slice(mount?.target.length ?? 0)}`)
  }
  return { files: new Map(targets.map(target => [target, placeOf(target)])), mounts, isByFile: false }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory
}

/**
 * Throws `UsageError` where a directory of secrets would hide something: what the image has at that place, which `isInImage`
 * tells, and what a flag mounts around it.
 */
export async function refuseHiding(
  { mounts, files }: SecretsLayout,
  claims: readonly Claim[],
  isInImage: (path: string) => Promise<boolean>
): Promise<void> {
  for (const { target: directory } of mounts) {
    const around = claims.find(({ target }) => target === directory || isBelow(directory, target))
    const reason =
      around !== undefined
        ? `${quote(around.flag)} has its directory`
        : isTakenByRuntime(directory) || (await isInImage(directory))
          ? `the image has the directory ${quote(directory)}`
          : null
    if (reason === null) continue
    const file = [...files.keys()].find(target => isBelow(target, directory)) ?? directory
    throw new UsageError(
      `cannot mount a secret at ${quote(file)}: ${reason}, and before Docker Engine 26 only whole directories can be mounted`,
      'give it a directory that is not there, as in /run/secrets/NAME, or use Docker Engine and client 26 or newer'
    )
  }
}
