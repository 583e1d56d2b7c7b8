import type { Cli } from '../declare/cli.ts'
import { lastValue, type CommandLine } from './command-line.ts'
import { containerUser } from './container-user.ts'
import type { ImageConfig } from './find-image.ts'
import type { InjectOptions } from './inject-options.ts'
import { remappedRoot } from './remapped-root.ts'

/** The container's user, and the image that names it. */
interface Container {
  readonly line: CommandLine
  readonly image: string
  /** Null when the Engine does not have it. */
  readonly found: ImageConfig | null
}

/**
 * Finds out to whom the boxes of a container belong: to whom their options say, in the container's own numbers, or else to
 * whom it runs as, so that it can read them. What is given writes that into a box's options, as the host sees it. `boxes`: the
 * options of all. Throws `invalid` when it is not to be found out.
 */
export async function ownersOfBoxes(
  cli: Cli,
  { line, image, found }: Container,
  boxes: readonly InjectOptions[]
): Promise<(options: InjectOptions) => InjectOptions> {
  if (boxes.length === 0) return options => options
  const isAsked = boxes.some(({ uid, gid }) => uid === undefined || gid === undefined)
  const [given, platform] = [lastValue(line, 'user'), lastValue(line, 'platform')]
  const user = isAsked ? await containerUser(cli, { image, found, platform, given }) : { uid: 0, gid: 0 }
  const root = lastValue(line, 'userns') === 'host' ? null : await remappedRoot(cli)
  return ({ uid, gid, ...options }) => ({
    ...idFor('uid', uid ?? user.uid, root?.uid),
    ...idFor('gid', gid ?? user.gid, root?.gid),
    ...options
  })
}

/** A number of the container's as the host sees it. `root`: that of the container's root, where it is another. */
export function ownerOnHost(id: string | number, root: string | undefined): string {
  return String(Number(id) + Number(root ?? 0))
}

/** Root is to whom a volume's files belong without a word; on an Engine that remaps users it is somebody else. */
function idFor(name: 'uid' | 'gid', id: string | number, root: string | undefined): InjectOptions {
  const onHost = ownerOnHost(id, root)
  return onHost === '0' ? {} : { [name]: onHost }
}
