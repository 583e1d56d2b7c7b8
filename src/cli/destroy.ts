import type { Command } from 'commander'
import { isSecretboxError } from '../errors.ts'
import { parseBoxName } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'

/** `destroy [-f] <box>…`: removes boxes that no container uses, with all their versions, and prints their names. */
export function destroy(cli: Cli): Command {
  return command(
    cli,
    'destroy',
    'Destroy boxes with everything in them. One that a container uses, running or not, stays, unless you say --force; ' +
      'then running containers keep their copies.',
    ['$ destroy db', '$ destroy --force db web']
  )
    .summary('Destroy boxes with everything in them')
    .alias('destroy-box')
    .argument('<box...>', 'names of the boxes')
    .option('-f, --force', 'even if containers use it; a box that does not exist is no error')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      cli.each(names, async name => {
        try {
          await cli.api.destroyBox(parseBoxName(name), force)
          cli.print(name)
        } catch (error) {
          if (!(force && isSecretboxError(error, 'not_found'))) throw error
        }
      })
    )
}
