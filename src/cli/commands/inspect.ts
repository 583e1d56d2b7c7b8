import type { Command } from 'commander'
import type { BoxListing } from '../../api/boxes.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { entryFields, entryShape } from '../output/entry-fields.ts'
import { detailFormat, printerFor, type Fields } from '../output/format.ts'
import { boxOperand } from '../declare/operand.ts'
import { parseVersion } from '../declare/version-number.ts'
import { printableJson } from '../output/printable.ts'

/** `inspect BOX…`: everything there is to know about boxes, but no contents, as a JSON array. */
export function inspect(cli: Cli): Command {
  const boxes = boxOperand('names of boxes').several()
  return command(cli, 'inspect', 'Show the details of boxes as JSON; contents are never shown', [
    '$ inspect db',
    "$ inspect --format '{{.Version}}' db"
  ])
    .addArgument(boxes)
    .option(...detailFormat)
    .option('--version <n>', 'show this version instead of the newest', parseVersion)
    .action(async (names: string[], { format, version }: { format?: string; version?: number }) => {
      const print = format === undefined ? null : printerFor(cli, format, fields, Object.keys(fields))
      const details: Record<string, unknown>[] = []
      await cli.each(
        names,
        async name => void details.push(detailsOf(await cli.api.box(boxes.parse(name), version)))
      )
      if (print === null) cli.stdout.write(`${printableJson(details, 4)}\n`)
      else print(details)
    })
}

const fields: Fields = {
  Name: { heading: 'BOX' },
  ID: { heading: 'BOX ID' },
  Version: { heading: 'VERSION' },
  Created: { heading: 'CREATED' },
  Changed: { heading: 'CHANGED' },
  Size: { heading: 'SIZE' },
  Files: { heading: 'FILES', each: entryShape }
}

function detailsOf(box: BoxListing): Record<string, unknown> {
  return {
    Name: box.name,
    ID: box.id,
    Version: box.version,
    Created: box.created,
    Changed: box.changed,
    Size: box.bytes,
    Files: box.files.map(entryFields)
  }
}
