import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { isSecretboxError, quote } from '../../base/errors.ts'
import { childOf, type BoxName, type FilePath } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { UsageError } from '../output/failure.ts'
import { anotherPlaceHint, type Claim, type Shown } from './mount-flags.ts'

/** What a path names; null: nothing. `unknown` when only docker can tell. */
type Found = 'file' | 'directory' | null | 'unknown'

/**
 * Refuses what cannot be mounted because it lies in something read-only that has no place for it: the runtime makes
 * places where it can (opencontainers/runc, libcontainer/rootfs_linux.go), and says little where it cannot. Throws
 * `UsageError` that names both flags.
 */
export async function refuseNestedTargets(cli: Cli, claims: readonly Claim[]): Promise<void> {
  for (const claim of claims) {
    const outer = claims
      .filter(({ target }) => claim.target.startsWith(`${target}/`))
      .reduce<Claim | null>((a, b) => (a !== null && a.target.length > b.target.length ? a : b), null)
    if (outer === null || outer.shows === null) continue
    const inside = claim.target.slice(outer.target.length + 1) as FilePath
    const found = await find(cli, outer.shows, inside)
    if (found === 'unknown' || found === 'directory' || (found === 'file' && !claim.isDirectory)) continue
    const reason = found === 'file' ? `${quote(inside)} in it is a file` : `it has no ${quote(inside)}`
    throw new UsageError(
      `cannot mount ${quote(claim.flag)} in ${quote(outer.flag)}: that is read-only, and ${reason}`,
      anotherPlaceHint
    )
  }
}

async function find(cli: Cli, shown: Shown, path: FilePath): Promise<Found> {
  switch (shown.kind) {
    case 'secret':
      return null
    case 'box':
      return findInBox(cli, shown, path)
    case 'directory':
      return findOnHost(join(shown.path, path))
    case 'volume': {
      const options = (await cli.api.volumes()).find(({ name }) => name === shown.name)?.options
      if (options === undefined) return shown.made === null ? 'unknown' : find(cli, shown.made, path)
      if (options.rw) return 'unknown'
      const { box, version, path: root } = options
      return findInBox(cli, { box: box as BoxName, version, path: root as FilePath }, path)
    }
  }
}

async function findInBox(
  cli: Cli,
  { box, version, path: root }: { box: BoxName; version: number | null; path: FilePath },
  path: FilePath
): Promise<Found> {
  try {
    const { files } = await cli.api.box(box, version ?? undefined)
    const whole = root === '' ? path : childOf(root, path)
    const entry = files.find(each => each.path === whole)
    return entry === undefined ? null : entry.type === 'symlink' ? 'unknown' : entry.type
  } catch (error) {
    // That the box is missing is told by whoever wants to have it.
    if (isSecretboxError(error, 'not_found')) return 'unknown'
    throw error
  }
}

function findOnHost(path: string): Found {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return null
  return found.isSymbolicLink() ? 'unknown' : found.isDirectory() ? 'directory' : 'file'
}
