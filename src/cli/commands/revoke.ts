import type { Command } from 'commander'
import type { BoxPattern } from '../../vault/access/box-pattern.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxesOperand, rightOperand, subjectOperand } from '../declare/operand.ts'
import { subjectText } from '../input/people.ts'
import { tellWhatStays } from './what-stays.ts'

/** `revoke BOX SUBJECT [RIGHT…]`: takes back what was granted on exactly these boxes to exactly this subject. */
export function revoke(cli: Cli): Command {
  const rights = rightOperand().several().argOptional()
  return command(
    cli,
    'revoke',
    'Take rights back that were granted on a box, or on a glob, as it was written; without rights, all. A box that grants to ' +
      'containers have closed stays closed: "grant BOX container:* use" opens it.',
    ['$ revoke db user:alice write', "$ revoke 'prod-*' group:ops"]
  )
    .summary('Take rights back')
    .addArgument(boxesOperand())
    .addArgument(subjectOperand())
    .addArgument(rights)
    .action(async (boxes: BoxPattern, subject: string, taken: string[]) => {
      const wish = { boxes: boxes.text, subject: await subjectText(subject) }
      const given = taken.map(rights.parse)
      await cli.api.revoke(taken.length === 0 ? wish : { ...wish, rights: given })
      const [, uid] = /^user:(\d+)$/.exec(wish.subject) ?? []
      const letsGrant = given.length === 0 || given.includes('manage') || given.includes('reveal')
      if (uid !== undefined && letsGrant) await tellWhatStays(cli, Number(uid), boxes)
    })
}
