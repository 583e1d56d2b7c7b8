import type { Command } from 'commander'
import type { Right } from '../../base/rights.ts'
import type { BoxPattern } from '../../vault/access/box-pattern.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxesOperand, rightOperand, subjectOperand } from '../declare/operand.ts'
import { subjectText } from '../input/people.ts'
import { parseUntil } from '../output/time.ts'

/** `grant BOX SUBJECT RIGHT…`: says who may do what with which boxes, beside what was granted before. */
export function grant(cli: Cli): Command {
  const rights = rightOperand().several()
  return command(
    cli,
    'grant',
    'Let people or containers do something with a box, or with all boxes of a glob. A box is open to any container until ' +
      'the first grant to containers; from then on it is for those alone that a grant is for.',
    [
      '$ grant db user:alice info write',
      "$ grant --expires 30d --note 'on call' 'prod-*' group:ops info use reveal",
      '$ grant db compose:shop/web use'
    ]
  )
    .summary('Let people or containers do something with a box')
    .addArgument(boxesOperand())
    .addArgument(subjectOperand())
    .addArgument(rights)
    .option(
      '--expires <when>',
      'until when: in how long, such as 12h, 30d or 2w, a date (until it begins), or a time',
      text => parseUntil(text, Date.now())
    )
    .option('--note <text>', 'why, for people')
    .action(
      async (
        boxes: BoxPattern,
        subject: string,
        given: string[],
        options: { expires?: string; note?: string }
      ) => {
        const wish = {
          boxes: boxes.text,
          rights: given.map((right): Right => rights.parse(right)),
          ...options
        }
        await cli.api.grant({ ...wish, subject: await subjectText(subject) })
      }
    )
}
