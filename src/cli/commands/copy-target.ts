import { basename } from 'node:path'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parentOf, type FilePath } from '../../base/names.ts'
import type { Api } from '../client/api.ts'
import { addressText, type Place } from '../client/address.ts'
import { nullIfDenied } from '../inject/may-use.ts'
import { toFill, toFillUnseen } from './box-to-fill.ts'

/**
 * What is there where something is to be copied to, or null; `unseen` for who may not look, and may yet be allowed to copy. Throws
 * `not_found`, with how to make the box, when there is none.
 */
export async function presentAt(
  api: Api,
  { box, path }: Place
): Promise<'file' | 'directory' | 'unseen' | null> {
  if (path !== '')
    return toFill(box, api.kindAt(box, path)).then(
      found => found?.kind ?? null,
      (error: unknown) => {
        nullIfDenied(error)
        return 'unseen' as const
      }
    )
  await toFillUnseen(box, api.versions(box))
  return 'directory'
}

/** Of a directory that is copied to a place of which it cannot be told whether it is one: the copy would go into it, or take its name. */
export function unseenTarget(source: string, { box, path }: Place): SecretboxError {
  const to = addressText(box, path)
  return new SecretboxError(
    'denied',
    `cannot copy ${quote(source)} to ${quote(to)}: you may not look whether that is a directory`,
    { hint: `write "${to}/" to copy it into that, or "${source}/." to copy what is in it there` }
  )
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
