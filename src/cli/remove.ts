import type { Command } from 'commander'
import { parseBoxName } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'

/** `remove [-r] <box> <path>…`: takes files out of a box, all of them as one new version. */
export function remove(cli: Cli): Command {
  return command(cli, 'remove', 'Remove files from a box', [
    '$ remove db old-password',
    '$ remove -r db certs'
  ])
    .aliases(['rm', 'remove-file'])
    .argument('<box>', 'name of the box')
    .argument('<path...>', 'paths in the box')
    .option('-r, --recursive', 'remove directories with everything in them')
    .action(async (name: string, paths: string[], { recursive = false }: { recursive?: boolean }) => {
      const box = parseBoxName(name)
      const { errors } = await cli.api.remove(
        box,
        paths.map(path => ({ path, recursive }))
      )
      cli.failEach(errors)
    })
}
