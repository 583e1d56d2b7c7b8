import type { Command } from 'commander'
import { isSecretboxError } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand } from '../declare/operand.ts'

/** `destroy [-f] BOX…`: removes boxes that no container uses, with all their versions, and prints their names. */
export function destroy(cli: Cli): Command {
  const boxes = boxOperand('names of the boxes', `to take a file out: ${cli.name} remove`).several()
  return command(
    cli,
    'destroy',
    'Destroy boxes with everything in them. One that a container uses, running or not, stays, unless you say --force; ' +
      'then running containers keep their copies.',
    ['$ destroy db', '$ destroy --force db web']
  )
    .summary('Destroy boxes with everything in them')
    .alias('destroy-box')
    .addArgument(boxes)
    .option('-f, --force', 'even if containers use it; a box that does not exist is no error')
    .action((names: string[], { force = false }: { force?: boolean }) =>
      cli.each(names, async name => {
        try {
          await cli.api.destroyBox(boxes.parse(name), { evenIfUsed: force })
          cli.print(name)
        } catch (error) {
          if (!(force && isSecretboxError(error, 'not_found'))) throw error
        }
      })
    )
}
