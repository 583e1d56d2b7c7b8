import type { Command } from 'commander'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand } from '../declare/operand.ts'
import { UsageError } from '../output/failure.ts'
import { ageField } from '../output/fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'

const fields: Fields = {
  ID: { heading: 'GRANT ID' },
  Boxes: { heading: 'BOXES' },
  Subject: { heading: 'SUBJECT' },
  Rights: { heading: 'RIGHTS', show: (rights: readonly string[]) => rights.join(' '), fields: 'any' },
  Expires: { heading: 'EXPIRES', show: (time: string | null) => expiry(time, Date.now()) },
  By: { heading: 'BY' },
  At: ageField('GRANTED'),
  Note: { heading: 'NOTE' }
}
const columns = ['Boxes', 'Subject', 'Rights', 'Expires', 'By', 'At', 'Note']

/** `grants [BOX]`: what was granted, those of globs that are about the box among them. */
export function grants(cli: Cli): Command {
  return command(cli, 'grants', 'List grants: those that are about a box, or all that you may know of', [
    '$ grants db',
    '$ grants --format json'
  ])
    .addArgument(boxOperand('name of the box').argOptional())
    .option(...listFormat)
    .option(
      '--discard-damaged',
      'take away the records of grants that cannot be read, and name each; for root'
    )
    .action(async (box: BoxName | undefined, { format = 'table', discardDamaged = false }: GrantsOptions) => {
      if (discardDamaged) {
        if (box !== undefined)
          throw new UsageError('--discard-damaged names no box: nobody knows which those were about')
        await discardAll(cli)
        return
      }
      const print = printerFor(cli, format, fields, columns)
      const { grants, damaged = [] } = await cli.api.grants(box)
      print(
        grants.map(({ id, boxes, subject, rights, expires, by, at, note }) => {
          return {
            ID: id,
            Boxes: boxes,
            Subject: subject,
            Rights: rights,
            Expires: expires,
            By: by,
            At: at,
            Note: note
          }
        })
      )
      for (const key of damaged)
        cli.fail(
          new SecretboxError(
            'damaged',
            `the grant in record ${quote(key)} is not what was written, and gives nothing`,
            {
              hint: `restore the store from a backup, or take such records away: ${cli.name} grants --discard-damaged`
            }
          )
        )
    })
}

interface GrantsOptions {
  readonly format?: string
  readonly discardDamaged?: boolean
}

/** Says of each what it was, as far as that is known; what it gave must be granted anew. */
async function discardAll(cli: Cli): Promise<void> {
  const { damaged = [] } = await cli.api.grants()
  await cli.each(damaged, async record => {
    await cli.api.discardGrant(record)
    cli.print(record)
  })
}

function expiry(time: string | null, nowMs: number): string {
  if (time === null) return 'never'
  // Seconds are enough for a person, and leave room for the other columns.
  const shown = time.replace(/\.\d+Z$/, 'Z')
  return Date.parse(time) <= nowMs ? `expired ${shown}` : shown
}
