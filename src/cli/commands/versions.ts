import type { Command } from 'commander'
import type { BoxName } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { ageField, sizeField } from '../output/fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'
import { boxOperand } from '../declare/operand.ts'

const fields: Fields = {
  Version: { heading: 'VERSION' },
  Created: ageField('CREATED'),
  Files: { heading: 'ENTRIES' },
  Size: sizeField
}

/** `versions BOX`: the versions of a box that are kept, newest first. */
export function versions(cli: Cli): Command {
  return command(cli, 'versions', 'List the versions of a box, newest first', [
    '$ versions db',
    "$ versions --format '{{.Version}} {{.Created}}' db"
  ])
    .addArgument(boxOperand('name of the box'))
    .option(...listFormat)
    .option('-q, --quiet', 'print the numbers alone')
    .action(async (box: BoxName, { format, quiet }: { format?: string; quiet?: boolean }) => {
      const print = printerFor(cli, format ?? (quiet ? '{{.Version}}' : 'table'), fields, Object.keys(fields))
      const kept = await cli.api.versions(box)
      print(
        kept.toReversed().map(({ version, created, files, bytes }) => {
          return { Version: version, Created: created, Files: files, Size: bytes }
        })
      )
    })
}
