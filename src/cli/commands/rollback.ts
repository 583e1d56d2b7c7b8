import type { Command } from 'commander'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, versionOperand } from '../declare/operand.ts'

/** `rollback BOX VERSION`: makes a new version with the contents of an older one, and prints its number. */
export function rollback(cli: Cli): Command {
  return command(
    cli,
    'rollback',
    'Make a new version of a box with the contents of an older one, and print its number. Running containers keep their copies.',
    ['$ rollback db 3']
  )
    .summary('Bring back an older version of a box')
    .addArgument(boxOperand('name of the box'))
    .addArgument(versionOperand('VERSION', 'the version to bring back'))
    .action(async (box: BoxName, to: number) => {
      const { version } = await cli.api.rollback(box, to)
      cli.print(String(version))
    })
}
