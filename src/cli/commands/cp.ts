import type { Command } from 'commander'
import { quote } from '../../base/errors.ts'
import { parseFilePath } from '../../base/names.ts'
import { parseAddress, refuseAbove, type Place } from '../client/address.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { copyBetween } from './cp-between.ts'
import { copyIn, copyTarIn } from './cp-in.ts'
import { copyOut, copyTarOut } from './cp-out.ts'
import { UsageError } from '../output/failure.ts'
import { followOf, withFollowOptions, type FollowOptions } from '../declare/follow-options.ts'
import { sideOperand } from '../declare/operand.ts'
import { parseVersion } from '../declare/version-number.ts'

/** `cp FROM TO`: copies between the operator's files and boxes, as `docker cp` does with a container, and from box to box. */
export function cp(cli: Cli): Command {
  const defined = command(
    cli,
    'cp',
    'Copy files and directories into a box, out of one, or from box to box. A box is written BOX:PATH, or "BOX:" as a ' +
      'whole; of a whole box to a whole box all goes that is in it. As with docker cp: into a ' +
      'directory that exists, the source is copied under its own name, or with "/." at its end what is in it; ' +
      'otherwise the copy gets the name given. "-" is a tar archive on standard input or output; gzip and zstd ' +
      'are undone. /dev/stdin and <(…) are read. Symlinks are copied as symlinks. What is copied out lies in the ' +
      'clear where you put it; of what is there, only files are replaced.',
    [
      '$ cp certs/ web:',
      '$ cp web:certs/key.pem /dev/shm/',
      '$ cp web:certs/key.pem db:tls/',
      '$ cp web: web-copy:',
      '$ cp web: - | tar -t',
      'tar -c . | $ cp - web:'
    ]
  )
    .summary('Copy files into a box, out of one, or between two')
    .addArgument(sideOperand('FROM'))
    .addArgument(sideOperand('TO'))
    .option('--version <n>', 'copy out of this version instead of the newest', parseVersion)
    .option('--keep-set-id', 'copy files out with their set-user-ID and set-group-ID bits')
  return withFollowOptions(defined).action(
    async (from: string, to: string, { version, keepSetId = false, ...links }: CpOptions) => {
      const [source, target] = [addressIn(from), addressIn(to)]
      if (source === null && target === null) {
        throw new UsageError(
          `cannot copy ${quote(from)} to ${quote(to)}: neither is BOX:PATH`,
          'a box is written with its colon, as "web:"; a path of yours with a colon begins with "./" or "/"'
        )
      }
      const follow = followOf(links)
      if (follow !== 'never' && (source !== null || from === '-'))
        throw new UsageError('-H and -L are of use only when copying files into a box')
      if (source === null && version !== undefined)
        throw new UsageError('--version is of use only when copying out of a box')
      if (target !== null && keepSetId)
        throw new UsageError('--keep-set-id is of use only when copying out of a box')
      if (target !== null) refuseAbove(to)
      const contents = /(^|[:/])\.\/?$/.test(from)
      const intoDirectory = to.endsWith('/')
      if (source === null) {
        if (target === null) return
        if (from === '-') await copyTarIn(cli, target)
        else await copyIn(cli, from, target, { intoDirectory, follow })
      } else if (target !== null) await copyBetween(cli, source, target, { contents, version, intoDirectory })
      else if (to === '-') await copyTarOut(cli, source, { contents, version, keepSetId })
      else await copyOut(cli, source, to, { contents, version, keepSetId })
    }
  )
}

interface CpOptions extends FollowOptions {
  readonly version?: number
  readonly keepSetId?: boolean
}

// As docker cp: what begins with "/" or "." is a path of the operator's, whatever follows.
function addressIn(text: string): Place | null {
  if (!text.includes(':') || /^[/.]/.test(text)) return null
  const { box, path } = parseAddress(text)
  return { box, path: path ?? parseFilePath('') }
}
