import type { Command } from 'commander'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, userOperand } from '../declare/operand.ts'
import { uidOf } from '../input/people.ts'
import { patternOfBox } from '../../vault/access/box-pattern.ts'
import { tellWhatStays } from './what-stays.ts'

/** `owner BOX USER`: gives a box to another user, and says nothing, as chown(1) does. */
export function owner(cli: Cli): Command {
  return command(
    cli,
    'owner',
    'Give a box to another user. Its owner, at first who made it, may do everything with it, whatever is granted or revoked. ' +
      'Root may give away any box, others those of their own; they then have what they are granted, and no more.',
    ['$ owner db bob', '$ owner db root']
  )
    .summary('Give a box to another user')
    .addArgument(boxOperand('name of the box'))
    .addArgument(userOperand('name or number of the user'))
    .action(async (box: BoxName, user: string) => {
      const to = await uidOf(user)
      // Whatever is wrong is told of the gift itself.
      const from = (await cli.api.box(box).catch(() => null))?.owner ?? to
      await cli.api.giveBox(box, to)
      if (from !== to) await tellWhatStays(cli, from, patternOfBox(box))
    })
}
