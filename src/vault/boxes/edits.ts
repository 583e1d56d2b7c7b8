import { setImmediate } from 'node:timers/promises'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { FilePath } from '../../base/names.ts'
import type { Secret } from '../../base/secret.ts'
import type { Staging } from './staging.ts'
import { linkEnd } from './links.ts'
import type { Manifest } from './manifest.ts'
import { editTree, type Edit, type Entry } from './tree.ts'

/** One thing to do to a box, as it arrives. A `link` is what a file or symlink is that came before it in the same change. */
export type IncomingEdit =
  | {
      readonly op: 'file'
      readonly path: FilePath
      readonly mode: number
      readonly bytes: AsyncIterable<Uint8Array>
    }
  | { readonly op: 'link'; readonly path: FilePath; readonly mode: number; readonly to: FilePath }
  | { readonly op: 'symlink'; readonly path: FilePath; readonly target: string }
  | { readonly op: 'directory'; readonly path: FilePath; readonly mode: number }
  | { readonly op: 'remove'; readonly path: FilePath; readonly recursive: boolean }
  | { readonly op: 'refused'; readonly path: string; readonly error: SecretboxError }

/** A symlink that was put, and that shows no file of the box in a container: it leads to nothing, or out of the box. */
export interface DanglingLink {
  readonly path: FilePath
  readonly target: string
  readonly leads: 'nowhere' | 'outside'
}

/** An edit whose contents were taken in, or the reason why it is refused. */
export type StagedEdit =
  | { readonly path: FilePath; readonly edit: Edit<Secret> }
  | { readonly path: string; readonly edit: null; readonly error: SecretboxError }

/** Takes in what an edit brings. `before`: those of the same change that came before it, for links. */
export async function stage(
  staging: Staging,
  before: readonly StagedEdit[],
  incoming: IncomingEdit
): Promise<StagedEdit> {
  const { path } = incoming
  switch (incoming.op) {
    case 'refused':
      return { path, edit: null, error: incoming.error }
    case 'remove':
      return {
        path: incoming.path,
        edit: { op: 'remove', path: incoming.path, recursive: incoming.recursive }
      }
    case 'symlink':
      return put(incoming.path, { type: 'symlink', target: incoming.target })
    case 'directory':
      return put(incoming.path, { type: 'directory', mode: incoming.mode & 0o7777 })
    case 'file': {
      const { size, content } = await staging.take(incoming.bytes)
      return put(incoming.path, { type: 'file', mode: incoming.mode & 0o7777, size, content })
    }
    case 'link': {
      const origin = before.findLast(staged => staged.path === incoming.to)?.edit
      if (origin?.op === 'put' && origin.entry.type === 'symlink') return put(incoming.path, origin.entry)
      if (origin?.op !== 'put' || origin.entry.type !== 'file') {
        return {
          path,
          edit: null,
          error: new SecretboxError(
            'invalid',
            `cannot link ${quote(path)}: ${quote(incoming.to)} did not come before it`
          )
        }
      }
      return put(incoming.path, { ...origin.entry, mode: incoming.mode & 0o7777 })
    }
  }
}

function put(path: FilePath, entry: Entry<Secret>): StagedEdit {
  return { path, edit: { op: 'put', path, entry } }
}

/** How the edits of a change are applied. */
export interface HowToApply {
  /** Edits that cannot be done are reported and the others are done; otherwise the first one that cannot be done is thrown. */
  readonly partial: boolean
  /** What is put must not be there yet. */
  readonly ifAbsent?: boolean
  /** What is put lies below this path: symlinks are followed in it and not in the names below; else in all parents. */
  readonly followIn?: FilePath
}

/** Whether who changes a box may know what is in it beside what they name. */
export interface Telling {
  readonly tells: boolean
}

/** How many edits are applied before other work gets its turn: one may look at all entries. */
const editsPerTurn = 32

/**
 * A new tree with all edits in it, but those that fail where the change is `partial`, and the symlinks that were put.
 * Otherwise the first failure is thrown.
 */
export async function applyAll(
  base: Manifest,
  staged: readonly StagedEdit[],
  { partial, ifAbsent = false, followIn, tells }: HowToApply & Telling
): Promise<{ tree: Manifest; errors: { path: string; error: SecretboxError }[]; links: Set<FilePath> }> {
  const tree = new Map(base)
  const links = new Set<FilePath>()
  const how = followIn === undefined ? { ifAbsent } : { ifAbsent, followIn }
  const errors: { path: string; error: SecretboxError }[] = []
  for (const [index, one] of staged.entries()) {
    if (index % editsPerTurn === editsPerTurn - 1) await setImmediate()
    try {
      if (one.edit === null) throw one.error
      const at = editTree(tree, one.edit.op === 'put' ? { ...one.edit, ...how } : one.edit, tells)
      if (one.edit.op === 'put' && one.edit.entry.type === 'symlink') links.add(at)
    } catch (error) {
      if (!partial || !(error instanceof SecretboxError)) throw error
      errors.push({ path: one.path, error })
    }
  }
  return { tree, errors, links }
}

/** Those of the symlinks that show no file of the tree. */
export function danglingOf(tree: Manifest, links: ReadonlySet<FilePath>): DanglingLink[] {
  return [...links].flatMap(path => {
    const entry = tree.get(path)
    if (entry?.type !== 'symlink') return []
    const { leads } = linkEnd(tree, path)
    return leads === 'inside' ? [] : [{ path, target: entry.target, leads }]
  })
}

/** Zeroes what the edits brought, as far as it is in memory. */
export function wipeStaged(staged: readonly StagedEdit[]): void {
  for (const { edit } of staged) if (edit?.op === 'put') wipeInline(edit.entry)
}

function wipeInline(entry: Entry<Secret>): void {
  if (entry.type === 'file' && 'inline' in entry.content) entry.content.inline.wipe()
}
