import type { Logger } from 'pino'
import type { Copies } from '../copies/copies.ts'
import { socketPlace } from '../copies/ownership.ts'
import type { CopyContents } from '../copies/send-tree.ts'
import type { Clock } from '../base/clock.ts'
import { quote, SecretboxError } from '../base/errors.ts'
import { nameAFile } from '../base/messages.ts'
import { reach } from '../base/fault-points.ts'
import type { BoxName, FilePath } from '../base/names.ts'
import type { Caller } from '../vault/access/authority.ts'
import { resolvePath } from '../vault/boxes/links.ts'
import { fileAt } from '../vault/boxes/tree.ts'
import type { OpenedVersion } from '../vault/opened-version.ts'
import type { RecordOpening } from '../vault/purposes.ts'
import type { Vault } from '../vault/vault.ts'
import { bootId } from '../volumes/device.ts'
import { isMadeOf, originOf } from '../volumes/origin.ts'
import { putCopyRecord, type CopyRecord, type Volume } from '../volumes/records.ts'
import type { Admit } from './admit.ts'
import type { Uses } from './engine-calls.ts'
import type { CopyName } from './facts.ts'
import type { CopySockets } from './copy-sockets.ts'
import type { Release } from './release.ts'

/** A copy of which it is known whose it is. */
export interface OwnedCopy extends CopyName {
  readonly owner: NonNullable<CopyName['owner']>
}

/**
 * Makes a copy of a volume's box and records it. `twinOf`: the record of the copy that a container holds where it cannot be
 * reached; what is made then shows the same version, and the record stays. Throws what `Admit` throws; when it throws, nothing
 * of the copy is left.
 */
export type MakeCopy = (
  caller: Caller,
  volume: Volume,
  copy: OwnedCopy,
  twinOf: CopyRecord | null
) => Promise<void>

export interface MakeCopyParts {
  readonly vault: Pick<Vault, 'open'>
  readonly copies: Copies
  readonly admit: Admit
  readonly release: Release
  readonly sockets: CopySockets
  readonly uses: Pick<Uses, 'end'>
  readonly clock: Clock
  readonly log: Logger
}

export function createMakeCopy({
  vault,
  copies,
  admit,
  sockets,
  release,
  uses,
  clock,
  log
}: MakeCopyParts): MakeCopy {
  return async (caller, volume, { key, owner }, twinOf) => {
    const { options } = volume
    const fill = async (opened: OpenedVersion | null, record: RecordOpening): Promise<void> => {
      // The box may have been destroyed, and this is another.
      if (twinOf !== null && opened !== null && !isMadeOf(twinOf, opened)) throw anotherBox(options.box)
      const users = opened?.users ?? null
      // A mount ID is of one container alone: the one that a twin is for was let in before.
      const madeFor =
        users === null || twinOf !== null
          ? null
          : await admit({ box: options.box, volume: owner.volume, users })
      if (options.file && opened !== null) refuseNoFile(opened, options)
      const tree = opened && opened.part(options.path)
      if (options.api && tree?.has(socketPlace.directory as FilePath)) throw placeIsTaken(options.box)
      const contents: CopyContents = opened && tree && { tree, read: entry => opened.read(entry) }
      await copies.make(key, contents, options, async device => {
        const created = new Date(clock.dateMs()).toISOString()
        const version = opened?.info.version ?? null
        const copyRecord = newCopyRecord(volume, { mount: owner.mount, version, device, created, madeFor })
        const tagged = (): CopyRecord =>
          opened === null ? copyRecord : { ...copyRecord, origin: originOf(copyRecord, options, opened) }
        await record(twinOf === null ? () => [putCopyRecord(tagged())] : [])
        FAULT: await reach('mount.recorded')
      })
    }
    try {
      // A container has nothing of a box that has come since: its copy was made without one.
      if (twinOf !== null && twinOf.version === null) await fill(null, () => Promise.resolve())
      else {
        const purpose = options.optional ? 'mountIfThere' : 'mount'
        const resource = { box: options.box, volume: owner.volume, mount: owner.mount }
        await vault.open(caller, purpose, resource, twinOf?.version ?? options.version, fill)
      }
      if (options.api) await sockets.open({ key, owner })
      FAULT: await reach('mount.done')
    } catch (error) {
      // The Engine sends no Unmount for a Mount that failed, and nobody has seen the copy.
      const isGone = await release(caller, { key, owner }, true).catch((err: unknown) => {
        log.error({ err, ...owner, copy: key }, 'cannot take back a copy that was not made')
        return false
      })
      // Then a pass has to.
      if (!isGone) uses.end(key, owner)
      throw error
    }
  }
}

function newCopyRecord(
  { name, options }: Volume,
  { device, ...others }: Pick<CopyRecord, 'mount' | 'version' | 'created' | 'madeFor'> & { device: number }
): CopyRecord {
  return {
    ...others,
    ...{ volume: name, box: options.box, container: null },
    device: { number: device, boot: bootId() }
  }
}

/** A file by itself has no directory around it to show instead. Throws what `fileAt` throws for a path to nothing. */
function refuseNoFile({ tree }: OpenedVersion, { box, path }: Volume['options']): void {
  if (tree.get(resolvePath(tree, path, { follow: true }))?.type !== 'directory')
    return void fileAt(tree, path)
  throw new SecretboxError(
    'invalid',
    `${quote(path)} of box ${quote(box)} is a directory, and the volume has the option file`,
    {
      hint: nameAFile
    }
  )
}

function placeIsTaken(box: BoxName): SecretboxError {
  return new SecretboxError(
    'invalid',
    `box ${quote(box)} has an entry ${quote(socketPlace.directory)}, where the socket of the option api belongs`,
    { hint: 'give that entry another name, show another part of the box (path), or leave the option api out' }
  )
}

function anotherBox(box: BoxName): SecretboxError {
  return new SecretboxError('not_found', `box ${quote(box)} is another than the one that the container has`, {
    hint: 'restart the container to give it this one'
  })
}
