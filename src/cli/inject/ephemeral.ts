import { randomBytes } from 'node:crypto'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { ephemeralPrefix, parseBoxName, parseFilePath, type BoxName } from '../../base/names.ts'
import { shellWord } from '../../base/shell-word.ts'
import type { Cli } from '../declare/cli.ts'
import { withFiles } from '../files/operator-files.ts'
import { upload } from '../client/upload.ts'
import type { InjectOptions } from './inject-options.ts'
import type { DirectoryInjection, Injection } from './injection.ts'
import { boxMount } from './mount-flags.ts'

/** A box, where it is to appear, and how. */
export type BoxTarget = Pick<Injection, 'box' | 'target' | 'options'>

/** The volume option of such a box: the daemon destroys it with the volume (src/volumes/options.ts). */
export const ephemeralOption = { ephemeral: 'true' } as const

/** What a container is to be given that is in no box yet, and the box that is to be made for it. */
export interface EphemeralBox {
  readonly box: BoxName
  /** Puts it into the box, which is new: all of it, or it throws. */
  readonly fill: () => Promise<void>
  /** Where it appears as files, and what of it. */
  readonly targets: readonly BoxTarget[]
  /** The flags that mount these; `options` are those that every volume of it has, but for `ephemeral`. */
  readonly mounts: (options: InjectOptions) => readonly string[]
}

/** A name for an ephemeral box, which cannot be guessed. */
export function newEphemeralName(): BoxName {
  return parseBoxName(`${ephemeralPrefix}${randomBytes(16).toString('hex')}`)
}

/**
 * Runs `use` when these boxes are made and filled. The daemon destroys such a box with the volume that shows it; one that no
 * volume shows when `use` ends is destroyed here.
 */
export async function withEphemeralBoxes<T>(
  cli: Cli,
  wanted: readonly EphemeralBox[],
  use: () => Promise<T>
): Promise<T> {
  const made: EphemeralBox[] = []
  try {
    for (const each of wanted) {
      await cli.api.createBox(each.box).catch(saidOfEphemeral)
      made.push(each)
      await each.fill()
    }
    return await use()
  } finally {
    if (made.length > 0) await destroyUnused(cli, made)
  }
}

/** To who may not make such a box, which they never named. */
function saidOfEphemeral(error: unknown): never {
  if (!isSecretboxError(error, 'denied')) throw error
  const uid = process.getuid?.() ?? 0
  throw new SecretboxError('denied', 'you may not make boxes that go with their container', {
    hint: `as root: docker vault grant '${ephemeralPrefix}*' user:${uid} manage`
  })
}

const injectHint =
  'inject the directory that holds what symlinks lead to as well, or put it into a box with: cp -L'

/** All of a directory, in a box. Its `fill` throws `invalid` when not everything in it can be put into a box: half of one's secrets is none. */
export function boxOfDirectory(
  cli: Cli,
  driver: string,
  { directory, target }: DirectoryInjection
): EphemeralBox {
  const box = newEphemeralName()
  const fill = (): Promise<void> =>
    wholly(cli, quote(directory), async counting => {
      const root = parseFilePath('')
      // What lies in the directory is known, and what its symlinks lead to is not: they stay symlinks.
      const taking = { recursive: true, follow: 'operands' } as const
      const refuse = (error: SecretboxError) => counting.fail(error)
      await withFiles([{ source: directory, path: root }], taking, refuse, files =>
        upload(counting, { box, path: root }, files, injectHint)
      )
    })
  const mounts = (options: InjectOptions): string[] =>
    boxMount(driver, box, target, { ...options, ...ephemeralOption })
  return { box, fill, targets: [{ box, target, options: {} }], mounts }
}

/** Does what tells of each thing that it leaves out. Throws `invalid` when that was any; `what`: what was to be injected. */
export async function wholly(cli: Cli, what: string, act: (counting: Cli) => Promise<void>): Promise<void> {
  let refused = 0
  await act({
    ...cli,
    fail(error) {
      refused++
      cli.fail(error)
    },
    failEach(errors) {
      refused += errors.length
      cli.failEach(errors)
    }
  })
  if (refused > 0)
    throw new SecretboxError('invalid', `cannot inject ${what}: not all of it can be put into a box`)
}

async function destroyUnused(cli: Cli, made: readonly EphemeralBox[]): Promise<void> {
  const boxes = made.map(({ box }) => box)
  try {
    const shown = new Set((await cli.api.volumes()).map(({ options }) => options.box))
    for (const box of boxes.filter(name => !shown.has(name)))
      await cli.api.destroyBox(box, {}).catch(unlessGone)
  } catch (error) {
    // docker's own exit status tells whether it did its work.
    const reason = error instanceof Error ? error.message : String(error)
    cli.note(`warning: cannot tell whether ${boxes.join(', ')} is still needed: ${reason}`)
    cli.note(
      `hint: once the container is gone: ${cli.name} destroy --force ${boxes.map(shellWord).join(' ')}`
    )
  }
}

// The container was so quick that the daemon has destroyed its box already.
function unlessGone(error: unknown): void {
  if (!isSecretboxError(error, 'not_found')) throw error
}
