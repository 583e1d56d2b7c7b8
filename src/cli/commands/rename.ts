import type { Command } from 'commander'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, newBoxOperand } from '../declare/operand.ts'

/** `rename BOX NEW`: gives a box that no volume shows another name, and says nothing, as docker's own does. */
export function rename(cli: Cli): Command {
  return command(
    cli,
    'rename',
    'Give a box another name. Contents and versions stay what they are. One that a volume shows or a container uses keeps ' +
      'its name: they know it by that. Who is not root needs the rights manage and reveal on it, and manage on the new name: more may be ' +
      'granted on that.',
    ['$ rename db database']
  )
    .summary('Give a box another name')
    .addArgument(boxOperand('name of the box'))
    .addArgument(newBoxOperand('what it is to be called', 'NEW'))
    .action(async (box: BoxName, to: BoxName) => {
      await cli.api.renameBox(box, to)
    })
}
