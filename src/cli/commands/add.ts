import type { Command } from 'commander'
import type { SecretboxError } from '../../base/errors.ts'
import { resolvePath, type LinkTree } from '../../vault/boxes/links.ts'
import { childOf, parentOf, parseFilePath, type BoxName, type FilePath } from '../../base/names.ts'
import type { Address } from '../client/address.ts'
import { toFillUnseen } from './box-to-fill.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { followOf, withFollowOptions, type FollowOptions } from '../declare/follow-options.ts'
import { directoryOperand, ownFileOperand } from '../declare/operand.ts'
import { nullIfDenied } from '../inject/may-use.ts'
import { withFiles, type SourceOperand } from '../files/operator-files.ts'
import { upload } from '../client/upload.ts'

/** `add [-r] BOX[:PATH] FILE…`: puts files of the operator's into a box, all of them as one new version. */
export function add(cli: Cli): Command {
  const defined = command(
    cli,
    'add',
    'Add files to a box, or to a directory in it, under the paths they are named by; ../a/b and /a/b become a/b. Symlinks are added as ' +
      'symlinks, modes are kept; /dev/stdin and <(…) are read. What cannot be added is reported, the rest is added ' +
      'as one new version.',
    ['$ add db password.txt', '$ add -r web certs/ nginx.conf', '$ add web:certs key.pem']
  )
    .summary('Add files to a box')
    .addArgument(directoryOperand('the box, or the directory in it'))
    .addArgument(ownFileOperand('files to add').several())
    .option('-r, --recursive', 'add directories with everything in them; existing ones are merged')
  return withFollowOptions(defined).action(
    async (
      { box, path: below }: Address,
      sources: string[],
      options: { recursive?: boolean } & FollowOptions
    ) => {
      await toFillUnseen(box, cli.api.versions(box))
      const typed: SourceOperand[] = []
      await cli.each(sources, async source => {
        typed.push({ source, path: await Promise.resolve(pathBelow(below ?? root, source)) })
      })
      const operands = await withParentsResolved(cli, box, typed)
      const taking = { recursive: options.recursive ?? false, follow: followOf(options) }
      const refuse = (error: SecretboxError) => cli.fail(error)
      await withFiles(operands, taking, refuse, files => upload(cli, { box, path: root }, files))
    }
  )
}

const root = parseFilePath('')

/** Where a file named `source` goes: what leads out of the directory by "..", does not. */
function pathBelow(directory: FilePath, source: string): FilePath {
  return parseFilePath([directory, parseFilePath(source)].join('/'))
}

/** What was typed before an operand's own name leads through symlinks of the box; nothing after it does. */
async function withParentsResolved(
  cli: Cli,
  box: BoxName,
  operands: readonly SourceOperand[]
): Promise<SourceOperand[]> {
  if (operands.every(({ path }) => parentOf(path) === root || path === root)) return [...operands]
  const listing = await cli.api.box(box).catch(nullIfDenied)
  // Who may not look at the box is told of symlinks by the daemon, which follows none in the names of an upload.
  if (listing === null) return [...operands]
  const tree: LinkTree = new Map(listing.files.map(file => [file.path as FilePath, file]))
  const resolved: SourceOperand[] = []
  await cli.each(operands, async ({ source, path }) => {
    const parent = parentOf(path)
    const to = parent === null ? path : childOf(resolvePath(tree, parent, { follow: true }), nameOf(path))
    resolved.push({ source, path: await Promise.resolve(to) })
  })
  return resolved
}

function nameOf(path: FilePath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
