import { setImmediate } from 'node:timers/promises'
import { quote, SecretboxError } from '../../base/errors.ts'
import { reach } from '../../base/fault-points.ts'
import type { Secret } from '../../base/secret.ts'
import { untilNotOvertaken, commitPrepared, type Prepared } from '../action/overtaken.ts'
import { createStaging, type Staging } from './blobs.ts'
import { getBox, readManifest, type Box } from './boxes.ts'
import type { Permit } from '../action/gate.ts'
import {
  blobsOf,
  checkLimits,
  inlineBytesOf,
  tooManyEntries,
  wipeManifest,
  type Manifest
} from './manifest.ts'
import { linkEnd } from './links.ts'
import type { BoxName, FilePath } from '../../base/names.ts'
import { bytesOf, editTree, type Edit, type Entry } from './tree.ts'
import { checkVersion, nextVersion, type VaultParts } from './versions.ts'

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

/**
 * A change of a box: its edits become one new version. `partial`: edits that cannot be done are reported and
 * the others are done; otherwise the first one that cannot be done is thrown and nothing changes.
 */
export interface ChangeRequest {
  readonly edits: AsyncIterable<IncomingEdit> | Iterable<IncomingEdit>
  readonly partial: boolean
  /** What is put must not be there yet. */
  readonly ifAbsent?: boolean
  /** What is put lies below this path: symlinks are followed in it and not in the names below; else in all parents. */
  readonly followIn?: FilePath
  /** The newest version the caller knows, or null for whatever it is. */
  readonly ifVersion: number | null
}

/** What came of a change: the newest version now, how many edits are in it, and those that are not. */
export interface ChangeResult {
  readonly version: number
  readonly applied: number
  readonly errors: readonly { readonly path: string; readonly error: SecretboxError }[]
  /** Of a partial change; who puts a single symlink has just written where it leads. */
  readonly dangling: readonly DanglingLink[]
}

/** A symlink that was put, and that shows no file of the box in a container: it leads to nothing, or out of the box. */
export interface DanglingLink {
  readonly path: FilePath
  readonly target: string
  readonly leads: 'nowhere' | 'outside'
}

/**
 * Takes contents in without holding the box, then applies the edits to the newest version in one commit.
 * Throws `not_found`, `precondition`, `too_large`, and with `partial: false` what an edit throws.
 */
export async function changeBox(
  parts: VaultParts,
  permit: Permit,
  name: BoxName,
  request: ChangeRequest
): Promise<ChangeResult> {
  const { box, inlineBytes } = await untilNotOvertaken(() => begin(parts, permit, name, wishOf(request)))
  const staging = createStaging(parts.store, permit.keyring, box, {
    inlineBytes,
    maxBytes: parts.limits.maxBoxBytes
  })
  const staged: StagedEdit[] = []
  try {
    checkVersion(box, request.ifVersion)
    for await (const edit of request.edits) {
      if (staged.length === parts.limits.maxBoxEntries) throw tooManyEntries(parts.limits)
      staged.push(await stage(staging, staged, edit))
    }
    const result = await commitPrepared(permit, () => prepare(parts, permit, box, staging, staged, request))
    FAULT: await reach('change.committed')
    if (result.applied === 0) await staging.discard()
    return result
  } catch (error) {
    // What cannot be removed now, on a full disk, is swept at the next start; why the change failed matters more.
    await staging.discard().catch(() => undefined)
    throw error
  } finally {
    box.key.wipe()
    for (const { edit } of staged) if (edit?.op === 'put') wipeInline(edit.entry)
  }
}

/** Who only takes things out has no use for a new box. */
function wishOf({ edits }: ChangeRequest): 'find' | 'fill' {
  if (!Array.isArray(edits)) return 'fill'
  return (edits as IncomingEdit[]).every(({ op }) => op === 'remove' || op === 'refused') ? 'find' : 'fill'
}

/** The box that a change begins with, whose key the caller wipes, and how much its newest manifest holds inline. */
async function begin(
  parts: VaultParts,
  permit: Permit,
  name: BoxName,
  wish: 'find' | 'fill'
): Promise<{ box: Box; inlineBytes: number }> {
  const box = await getBox(parts.store, permit, name, wish)
  try {
    const tree = await readManifest(parts.store, permit.keyring, box, box.newest.version)
    wipeManifest(tree)
    return { box, inlineBytes: inlineBytesOf(tree) }
  } catch (error) {
    box.key.wipe()
    throw error
  }
}

/** An edit whose contents were taken in, or the reason why it is refused. */
type StagedEdit =
  | { readonly path: FilePath; readonly edit: Edit<Secret> }
  | { readonly path: string; readonly edit: null; readonly error: SecretboxError }

async function stage(
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

async function prepare(
  parts: VaultParts,
  permit: Permit,
  begun: Box,
  staging: Staging,
  staged: readonly StagedEdit[],
  request: ChangeRequest
): Promise<Prepared<ChangeResult>> {
  const box = await getBox(parts.store, permit, begun.name, 'find')
  let base: Manifest | null = null
  try {
    if (box.id !== begun.id) {
      throw new SecretboxError(
        'conflict',
        `box ${quote(box.name)} was destroyed and made anew during the change`
      )
    }
    checkVersion(box, request.ifVersion)
    base = await readManifest(parts.store, permit.keyring, box, box.newest.version)
    const { tree, errors, links } = await applyAll(base, staged, request)
    const applied = staged.length - errors.length
    if (applied === 0) {
      const answer = { version: box.newest.version, applied, errors, dangling: [] }
      return { answer, subject: {}, changes: null }
    }
    checkLimits(tree, parts.limits, bytesOf(tree))
    FAULT: await reach('change.staged')
    const { version, changes } = await nextVersion(parts, permit.keyring, box, tree, 'edits')
    return {
      answer: { version, applied, errors, dangling: request.partial ? danglingOf(tree, links) : [] },
      subject: { version, count: applied },
      changes: [...changes, ...staging.settle(blobsOf(tree))]
    }
  } finally {
    if (base !== null) wipeManifest(base)
    box.key.wipe()
  }
}

/** How many edits are applied before other work gets its turn: one may look at all entries. */
const editsPerTurn = 32

async function applyAll(
  base: Manifest,
  staged: readonly StagedEdit[],
  { partial, ifAbsent = false, followIn }: ChangeRequest
): Promise<{ tree: Manifest; errors: { path: string; error: SecretboxError }[]; links: Set<FilePath> }> {
  const tree = new Map(base)
  const links = new Set<FilePath>()
  const how = followIn === undefined ? { ifAbsent } : { ifAbsent, followIn }
  const errors: { path: string; error: SecretboxError }[] = []
  for (const [index, one] of staged.entries()) {
    if (index % editsPerTurn === editsPerTurn - 1) await setImmediate()
    try {
      if (one.edit === null) throw one.error
      const at = editTree(tree, one.edit.op === 'put' ? { ...one.edit, ...how } : one.edit)
      if (one.edit.op === 'put' && one.edit.entry.type === 'symlink') links.add(at)
    } catch (error) {
      if (!partial || !(error instanceof SecretboxError)) throw error
      errors.push({ path: one.path, error })
    }
  }
  return { tree, errors, links }
}

function danglingOf(tree: Manifest, links: ReadonlySet<FilePath>): DanglingLink[] {
  return [...links].flatMap(path => {
    const entry = tree.get(path)
    if (entry?.type !== 'symlink') return []
    const { leads } = linkEnd(tree, path)
    return leads === 'inside' ? [] : [{ path, target: entry.target, leads }]
  })
}

function wipeInline(entry: Entry<Secret>): void {
  if (entry.type === 'file' && 'inline' in entry.content) entry.content.inline.wipe()
}
