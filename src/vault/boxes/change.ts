import { timingSafeEqual } from 'node:crypto'
import { quote, SecretboxError } from '../../base/errors.ts'
import { reach } from '../../base/fault-points.ts'
import type { Permit } from '../action/permit.ts'
import { commitPrepared, untilNotOvertaken, type Prepared } from '../action/overtaken.ts'
import { createStaging, type Staging } from './staging.ts'
import {
  applyAll,
  danglingOf,
  stage,
  wipeStaged,
  type DanglingLink,
  type HowToApply,
  type IncomingEdit,
  type StagedEdit
} from './edits.ts'
import { checkFields, inlineFields } from './fields.ts'
import { getBox } from './find.ts'
import {
  blobsOf,
  checkLimits,
  inlineBytesOf,
  tooManyEntries,
  wipeManifest,
  type Manifest
} from './manifest.ts'
import type { Box } from './records.ts'
import { bytesOf } from './tree.ts'
import { readManifest } from './version-records.ts'
import { checkVersion, mayKnow, nextVersion, type VaultParts } from './versions.ts'

/** A change of a box: its edits become one new version, or nothing changes. */
export interface ChangeRequest extends HowToApply {
  readonly edits: AsyncIterable<IncomingEdit> | Iterable<IncomingEdit>
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

/**
 * Takes contents in without holding the box, then applies the edits to the newest version in one commit.
 * Throws `not_found`, `precondition`, `too_large`, `invalid` for what a box of its type cannot have, and with `partial: false` what an
 * edit throws. Who has `write` alone is answered as `mayKnow` says.
 */
export async function changeBox(
  parts: VaultParts,
  permit: Permit<'box.change'>,
  request: ChangeRequest
): Promise<ChangeResult> {
  const { box, inlineBytes } = await untilNotOvertaken(() => begin(parts, permit, wishOf(request)))
  const staging = createStaging(parts.store, permit.keyring, box, {
    inlineBytes,
    maxBytes: parts.limits.maxBoxBytes,
    ...(box.kind === null ? {} : { inline: inlineFields })
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
    wipeStaged(staged)
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
  permit: Permit<'box.change'>,
  wish: 'find' | 'fill'
): Promise<{ box: Box; inlineBytes: number }> {
  const box = await getBox(parts.store, permit, wish)
  try {
    const tree = await readManifest(parts.store, permit.keyring, box, box.newest.version)
    wipeManifest(tree)
    return { box, inlineBytes: inlineBytesOf(tree) }
  } catch (error) {
    box.key.wipe()
    throw error
  }
}

async function prepare(
  parts: VaultParts,
  permit: Permit<'box.change'>,
  begun: Box,
  staging: Staging,
  staged: readonly StagedEdit[],
  request: ChangeRequest
): Promise<Prepared<ChangeResult>> {
  const box = await getBox(parts.store, permit, 'find')
  let base: Manifest | null = null
  try {
    if (box.id !== begun.id) {
      throw new SecretboxError(
        'conflict',
        `box ${quote(box.name)} was destroyed and made anew during the change`
      )
    }
    if (staging.hasBlobs() && !timingSafeEqual(box.key.bytes(), begun.key.bytes()))
      throw new SecretboxError('conflict', `box ${quote(box.name)} was given another key during the change`, {
        hint: 'try again'
      })
    checkVersion(box, request.ifVersion)
    base = await readManifest(parts.store, permit.keyring, box, box.newest.version)
    const tells = mayKnow(permit)
    const { tree, errors, links } = await applyAll(base, staged, { ...request, tells })
    const applied = staged.length - errors.length
    if (applied === 0) {
      const answer = { version: box.newest.version, applied, errors, dangling: [] }
      return { answer, details: {}, writes: null }
    }
    checkLimits(tree, parts.limits, bytesOf(tree), tells)
    if (box.kind !== null && wishOf(request) === 'fill')
      checkFields(await parts.types.get(box.kind.type), tree)
    FAULT: await reach('change.staged')
    const { version, writes } = await nextVersion(parts, permit.keyring, box, tree, 'edits')
    return {
      answer: { version, applied, errors, dangling: request.partial && tells ? danglingOf(tree, links) : [] },
      details: { version, count: applied },
      writes: [...writes, ...staging.settle(blobsOf(tree))]
    }
  } finally {
    if (base !== null) wipeManifest(base)
    box.key.wipe()
  }
}
