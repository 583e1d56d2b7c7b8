import type { Command } from 'commander'
import { parseBoxName, parseVolumeName } from '../../base/names.ts'
import type { Unused } from '../../api/volumes.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { confirm } from './confirm.ts'

/** `prune [-a] [-f]`: removes the volumes that no container uses, as docker's own prunes do, and what injected directories left. */
export function prune(cli: Cli): Command {
  return command(
    cli,
    'prune',
    'Remove the volumes of boxes that no container has, running or not, and boxes that "run --inject-dir" left. ' +
      'Boxes of other volumes stay. "docker volume prune" reaches none of these.',
    ['$ prune', '$ prune --all --force']
  )
    .summary('Remove volumes that no container uses')
    .option('-a, --all', 'volumes with a name too, not anonymous ones alone')
    .option('-f, --force', 'do not ask')
    .action(async ({ all = false, force = false }: { all?: boolean; force?: boolean }) => {
      const unused = await cli.api.unused(all)
      if (unused.volumes.length === 0 && unused.boxes.length === 0) {
        cli.note('there is nothing to remove')
        return
      }
      if (!force) {
        cli.note('This will remove:')
        for (const line of linesOf(unused)) cli.note(`  - ${line}`)
        if (!(await confirm(cli, 'Are you sure you want to continue? [y/N] '))) {
          cli.note('nothing was removed')
          return
        }
      }
      const { volumes, boxes, errors } = await cli.api.prune(
        unused.volumes.map(({ name }) => parseVolumeName(name)),
        unused.boxes.map(({ name }) => parseBoxName(name))
      )
      for (const name of [...volumes, ...boxes]) cli.print(name)
      cli.failEach(errors)
    })
}

function linesOf({ volumes, boxes }: Unused): string[] {
  return [
    ...volumes.map(({ name, box }) => `volume ${name}, which shows box "${box}"`),
    ...boxes.map(({ name }) => `box ${name}, which nothing shows`)
  ]
}
