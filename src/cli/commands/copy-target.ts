import { basename } from 'node:path'
import { parentOf, type FilePath } from '../../base/names.ts'
import type { Api } from '../client/api.ts'
import type { Place } from '../client/address.ts'
import { toFill } from './box-to-fill.ts'

/** What is there where something is to be copied to, or null. Throws `not_found`, with how to make the box, when there is none. */
export async function presentAt(api: Api, { box, path }: Place): Promise<'file' | 'directory' | null> {
  if (path !== '') return (await toFill(box, api.kindAt(box, path)))?.kind ?? null
  await toFill(box, api.versions(box))
  return 'directory'
}

/** What is copied, and what the target is. */
interface Copying {
  /** What is in a directory, and not the directory itself. */
  readonly isContents: boolean
  /** There is one. */
  readonly isDirectory: boolean
  /** One is meant. */
  readonly intoDirectory: boolean
}

/**
 * The directory of the box that is copied into, through whatever symlinks were typed, and the name in it; '' for none.
 * `ownName`: what a thing is called that is copied into a directory.
 */
export function copyTarget(
  path: FilePath,
  { isContents, isDirectory, intoDirectory }: Copying,
  ownName: () => string
): [directory: FilePath, name: string] {
  if (isContents && isDirectory) return [path, '']
  if (!isContents && (isDirectory || intoDirectory)) return [path, ownName()]
  return [parentOf(path) ?? path, basename(path)]
}
