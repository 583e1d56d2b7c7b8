import type { Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { choiceOperand } from '../declare/operand.ts'
import { UsageError } from '../output/failure.ts'
import { quote } from '../../base/errors.ts'

/** `rotate root`: gives the vault another root key. */
export function rotate(cli: Cli): Command {
  return command(
    cli,
    'rotate',
    'Give the vault another root key, and put all that is under the old one under that: whoever has had the old one, as by a ' +
      'keyslot that was removed since, can read nothing that comes later. All keyslots that there are open the vault as before, and ' +
      'containers go on. Whoever copied the store before can still read that copy.',
    ['$ rotate root']
  )
    .summary('Make the keys of the vault others')
    .addArgument(
      choiceOperand(
        'WHAT',
        { root: 'root' } as const,
        (text, known) => new UsageError(`cannot rotate ${quote(text)}`, `there is: ${known}`)
      )
    )
    .action(async () => {
      await cli.api.rotateRoot()
    })
}
