import type { Command } from 'commander'
import { parseBoxName } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { parseVersion } from './version-number.ts'

/** `rollback <box> <version>`: makes a new version with the contents of an older one, and prints its number. */
export function rollback(cli: Cli): Command {
  return command(
    cli,
    'rollback',
    'Make a new version of a box with the contents of an older one, and print its number. Running containers keep their copies.',
    ['$ rollback db 3']
  )
    .summary('Bring back an older version of a box')
    .argument('<box>', 'name of the box')
    .argument('<version>', 'the version to bring back', parseVersion)
    .action(async (name: string, to: number) => {
      const { version } = await cli.api.rollback(parseBoxName(name), to)
      cli.print(String(version))
    })
}
