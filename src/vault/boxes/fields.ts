import { quote, SecretboxError } from '../../base/errors.ts'
import type { FilePath } from '../../base/names.ts'
import type { Secret } from '../../base/secret.ts'
import type { CredentialType, FieldValues } from '../credentials/type.ts'
import { checkValues, refuseUnknownField } from '../credentials/values.ts'
import type { Manifest } from './manifest.ts'
import { editTree, type Entry } from './tree.ts'

/**
 * What of a box with a type is in its manifest: its fields are files at its root, small enough to be there. The bytes stay the
 * tree's. Throws `damaged` for one that is elsewhere, which was never written.
 */
export function fieldsOf(tree: Manifest): FieldValues {
  const values = new Map<string, Uint8Array>()
  for (const [path, entry] of tree) {
    if (entry.type !== 'file' || !('inline' in entry.content))
      throw new SecretboxError('damaged', `${quote(path)} is no field of a credential`)
    values.set(path, entry.content.inline.bytes())
  }
  return values
}

/** As much of a field as is kept in the manifest, and of all of them. */
export const inlineFields = { fileBytes: 64 << 10, totalBytes: 1 << 20 } as const

/** Throws `invalid`, or `too_large`, for a tree that a box of this type cannot have. */
export function checkFields(type: CredentialType, tree: Manifest): void {
  for (const [path, entry] of tree) {
    if (entry.type !== 'file') {
      throw new SecretboxError(
        'invalid',
        `a box of type ${quote(type.name)} holds fields alone, and ${quote(path)} is a ${entry.type}`
      )
    }
    const { maxBytes } = refuseUnknownField(type, path)
    if (!('inline' in entry.content)) {
      const most = entry.size > maxBytes ? `it has at most ${maxBytes}` : 'all fields have at most 1 MiB'
      throw new SecretboxError('too_large', `field ${quote(path)} has ${entry.size} bytes: ${most}`)
    }
  }
  checkValues(type, fieldsOf(tree))
}

/** A manifest of these files, which owns them. */
export function manifestOf(
  files: readonly { readonly path: string; readonly mode: number; readonly bytes: Secret }[]
): Manifest {
  const tree = new Map<FilePath, Entry<Secret>>()
  for (const { path, mode, bytes } of files)
    editTree(tree, {
      op: 'put',
      path: path as FilePath,
      entry: { type: 'file', mode, size: bytes.length, content: { inline: bytes } }
    })
  return tree
}
