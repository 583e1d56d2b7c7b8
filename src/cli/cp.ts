import type { Command } from 'commander'
import { quote } from '../errors.ts'
import { parseFilePath } from '../vault/names.ts'
import { parseAddress, refuseAbove, type Place } from './address.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { copyIn, copyTarIn } from './cp-in.ts'
import { copyOut, copyTarOut } from './cp-out.ts'
import { UsageError } from './failure.ts'
import { followOf, withFollowOptions, type FollowOptions } from './follow-options.ts'
import { sideOperand } from './operand.ts'
import { parseVersion } from './version-number.ts'

/** `cp FROM TO`: copies between the operator's files and a box, as `docker cp` does with a container. */
export function cp(cli: Cli): Command {
  const defined = command(
    cli,
    'cp',
    'Copy files and directories into a box, or out of one. One side is "box:path". As with docker cp: into a ' +
      'directory that exists, the source is copied under its own name, or with "/." at its end what is in it; ' +
      'otherwise the copy gets the name given. "-" is a tar archive on standard input or output; gzip and zstd ' +
      'are undone. /dev/stdin and <(…) are read. Symlinks are copied as symlinks. What is copied out lies in the ' +
      'clear where you put it; of what is there, only files are replaced.',
    ['$ cp certs/ web:', '$ cp web:certs/key.pem /dev/shm/', '$ cp web: - | tar -t', 'tar -c . | $ cp - web:']
  )
    .summary('Copy files into a box or out of one')
    .addArgument(sideOperand('FROM'))
    .addArgument(sideOperand('TO'))
    .option('--version <n>', 'copy out of this version instead of the newest', parseVersion)
    .option('--keep-set-id', 'copy files out with their set-user-ID and set-group-ID bits')
  return withFollowOptions(defined).action(
    async (from: string, to: string, { version, keepSetId = false, ...links }: CpOptions) => {
      const [source, target] = [addressIn(from), addressIn(to)]
      if ((source === null) === (target === null)) {
        throw new UsageError(
          `cannot copy ${quote(from)} to ${quote(to)}: one side must be "box:path", the other a path`,
          'a path of yours with a colon in it begins with "./" or "/"'
        )
      }
      const follow = followOf(links)
      if (follow !== 'never' && (target === null || from === '-')) {
        throw new UsageError('-H and -L are of use only when copying files into a box')
      }
      if (target !== null) {
        refuseAbove(to)
        if (version !== undefined) throw new UsageError('--version is of use only when copying out of a box')
        if (keepSetId) throw new UsageError('--keep-set-id is of use only when copying out of a box')
        if (from === '-') await copyTarIn(cli, target)
        else await copyIn(cli, from, target, { intoDirectory: to.endsWith('/'), follow })
      }
      if (source !== null) {
        const how = { contents: /(^|[:/])\.\/?$/.test(from), version, keepSetId }
        if (to === '-') await copyTarOut(cli, source, how)
        else await copyOut(cli, source, to, how)
      }
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
