import { randomBytes } from 'node:crypto'
import { isSecretboxError, quote, SecretboxError } from '../../base/errors.ts'
import { ephemeralPrefix, parseBoxName, parseFilePath, type BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { withFiles } from '../files/operator-files.ts'
import { upload } from '../client/upload.ts'
import type { DirectoryInjection, Injection } from './injection.ts'

/** A box, where it is to appear, and how. */
export type BoxTarget = Pick<Injection, 'box' | 'target' | 'options'>

/** The volume option of such a box: the daemon destroys it with the volume (src/volumes/options.ts). */
const ephemeralOption = { ephemeral: 'true' } as const

/**
 * Runs `use` with a box of a name that cannot be guessed for each directory. The daemon destroys such a box with
 * the volume that shows it; one that no volume shows when `use` ends is destroyed here. Throws `invalid` when not
 * everything in a directory can be put into its box: half of one's secrets is none.
 */
export async function withEphemeralBoxes<T>(
  cli: Cli,
  directories: readonly DirectoryInjection[],
  use: (boxes: readonly BoxTarget[]) => Promise<T>
): Promise<T> {
  const boxes: BoxTarget[] = []
  try {
    for (const { directory, target } of directories) {
      const box = parseBoxName(`${ephemeralPrefix}${randomBytes(16).toString('hex')}`)
      await cli.api.createBox(box)
      boxes.push({ box, target, options: ephemeralOption })
      await fill(cli, box, directory)
    }
    return await use(boxes)
  } finally {
    const names = boxes.map(({ box }) => box)
    if (names.length > 0) await destroyUnused(cli, names)
  }
}

const injectHint =
  'inject the directory that holds what symlinks lead to as well, or put it into a box with: cp -L'

async function fill(cli: Cli, box: BoxName, directory: string): Promise<void> {
  let refused = 0
  const counting: Cli = {
    ...cli,
    fail(error) {
      refused++
      cli.fail(error)
    },
    failEach(errors) {
      refused += errors.length
      cli.failEach(errors)
    }
  }
  const refuse = (error: SecretboxError) => counting.fail(error)
  const root = parseFilePath('')
  // What lies in the directory is known, and what its symlinks lead to is not: they stay symlinks.
  const taking = { recursive: true, follow: 'operands' } as const
  await withFiles([{ source: directory, path: root }], taking, refuse, files =>
    upload(counting, { box, path: root }, files, injectHint)
  )
  if (refused > 0) {
    throw new SecretboxError(
      'invalid',
      `cannot inject ${quote(directory)}: not all of it can be put into a box`
    )
  }
}

async function destroyUnused(cli: Cli, boxes: readonly BoxName[]): Promise<void> {
  try {
    const shown = new Set((await cli.api.volumes()).map(({ options }) => options.box))
    for (const box of boxes.filter(name => !shown.has(name)))
      await cli.api.destroyBox(box, {}).catch(unlessGone)
  } catch (error) {
    // docker's own exit status tells whether it did its work.
    const reason = error instanceof Error ? error.message : String(error)
    cli.note(`warning: cannot tell whether ${boxes.join(', ')} is still needed: ${reason}`)
    cli.note(`hint: once the container is gone: ${cli.name} destroy --force ${boxes.join(' ')}`)
  }
}

// The container was so quick that the daemon has destroyed its box already.
function unlessGone(error: unknown): void {
  if (!isSecretboxError(error, 'not_found')) throw error
}
