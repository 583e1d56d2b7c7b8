import { isSecretboxError, quote, SecretboxError } from '../base/errors.ts'
import { typeIsGone } from '../base/messages.ts'
import { shellOperand, shellWord } from '../base/shell-word.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Store } from '../store/store.ts'
import { fieldsOf, manifestOf } from './boxes/fields.ts'
import { wipeManifest, type Manifest } from './boxes/manifest.ts'
import type { Box } from './boxes/records.ts'
import { readManifest } from './boxes/version-records.ts'
import { render } from './credentials/render.ts'
import { shownOf, type ShownCredential } from './credentials/shown.ts'
import type { CredentialType } from './credentials/type.ts'
import type { Types } from './credentials/types.ts'
import { missingIn, withUsual } from './credentials/values.ts'

/**
 * The files that clients are given of a version: those that the box's type makes of its fields, or of a plain box what it holds.
 * Takes the tree over: the caller wipes what this gives. Throws `invalid` that names what is missing, `not_found` for a type that is
 * not there any more.
 */
export async function renderedFor(types: Types, box: Box, tree: Manifest): Promise<Manifest> {
  if (box.kind === null) return tree
  try {
    const type = await typeOf(types, box)
    const values = withUsual(type, fieldsOf(tree), box.kind.scope)
    const missing = missingIn(type, values)
    if (missing.length > 0) throw notComplete(box, missing)
    return manifestOf(render(type, values))
  } finally {
    wipeManifest(tree)
  }
}

/** The files of variables among those that clients are given; null for a plain box, in which any file may be one. */
export async function variablesFilesFor(
  types: Types,
  box: Pick<Box, 'name' | 'kind'>
): Promise<string[] | null> {
  if (box.kind === null) return null
  const { files } = await typeOf(types, box)
  return files.flatMap(({ path, contents }) =>
    contents.kind === 'lines' && contents.format === 'variables' ? [path] : []
  )
}

async function typeOf(types: Types, { name, kind }: Pick<Box, 'name' | 'kind'>): Promise<CredentialType> {
  const type = kind?.type ?? ''
  try {
    return await types.get(type)
  } catch (error) {
    if (!isSecretboxError(error, 'not_found')) throw error
    throw new SecretboxError('not_found', typeIsGone(name, type), {
      hint: 'docker vault types lists those that there are',
      cause: error
    })
  }
}

function notComplete({ name }: Box, missing: readonly string[]): SecretboxError {
  const first = missing[0]?.split(' ')[0] ?? ''
  return new SecretboxError('invalid', `box ${quote(name)} lacks ${missing.join(', ')}`, {
    hint: `set it with: docker vault set ${shellOperand(name)} ${shellWord(first)}`
  })
}

/**
 * What of the fields of a box's newest version is no secret, by name; null for a plain box, and for what cannot be read. Throws
 * `Overtaken`.
 */
export async function shownIn(
  { store, types, keyring }: { store: Store; types: Types; keyring: Keyring },
  box: Box
): Promise<Readonly<Record<string, string>> | null> {
  if (box.kind === null) return null
  try {
    const tree = await readManifest(store, keyring, box, box.newest.version)
    try {
      const shown = await shownFor(types, box, tree)
      return (
        shown && {
          ...shown.facts,
          ...Object.fromEntries(
            shown.fields.flatMap(({ name, value }) => (value === null ? [] : [[name, value]]))
          )
        }
      )
    } finally {
      wipeManifest(tree)
    }
  } catch (error) {
    // Whoever inspects that box is told of it.
    if (isSecretboxError(error, 'damaged')) return null
    throw error
  }
}

/** What of a version's fields is no secret; null for a plain box, and for one whose type is not there any more. */
export async function shownFor(types: Types, box: Box, tree: Manifest): Promise<ShownCredential | null> {
  if (box.kind === null) return null
  try {
    return shownOf(await types.get(box.kind.type), fieldsOf(tree), box.kind.scope)
  } catch (error) {
    if (isSecretboxError(error, 'not_found')) return null
    throw error
  }
}
