import type { Command } from 'commander'
import { quote } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import { shellOperand } from '../../base/shell-word.ts'
import { placeOf } from '../client/address.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { UsageError } from '../output/failure.ts'
import { severalPlaceOperands } from '../declare/operand.ts'

/** `remove [-r] BOX:PATH…` or `remove [-r] BOX PATH…`: takes files out of a box, all of them as one new version. */
export function remove(cli: Cli): Command {
  const [places, paths] = severalPlaceOperands('files and directories')
  return command(cli, 'remove', 'Remove files from boxes; those of one box as one new version', [
    '$ remove db:old-password',
    '$ remove -r db:certs web:.env'
  ])
    .aliases(['rm', 'remove-file'])
    .addArgument(places)
    .addArgument(paths)
    .option('-r, --recursive', 'remove directories with everything in them')
    .action(async (first: string, rest: string[], { recursive = false }: { recursive?: boolean }) => {
      for (const [box, paths] of pathsByBox(cli, first, rest)) {
        const { errors } = await cli.api.remove(
          box,
          paths.map(path => ({ path, recursive }))
        )
        cli.failEach(errors)
      }
    })
}

/** The paths to remove. What they look like in the first form is judged by the daemon, one by one. */
function pathsByBox(cli: Cli, first: string, rest: readonly string[]): Map<BoxName, string[]> {
  if (!first.includes(':')) {
    const box = parseBoxName(first)
    if (rest.length > 0) return new Map([[box, [...rest]]])
    throw new UsageError(
      `${quote(first)} names no file`,
      `write "${box}:PATH"; to remove the box itself: ${cli.name} destroy ${shellOperand(box)}`
    )
  }
  const paths = new Map<BoxName, string[]>()
  for (const { box, path } of [first, ...rest].map(address => placeOf(address)))
    paths.set(box, [...(paths.get(box) ?? []), path])
  return paths
}
