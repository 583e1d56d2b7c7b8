import type { Command } from 'commander'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { detailFormat, printerFor, type Fields } from './format.ts'
import { tableLines } from './table.ts'
import { valueText } from './template.ts'

/** `status`: how the daemon is; that it answers at all is exit status 0. */
export function status(cli: Cli): Command {
  return command(cli, 'status', 'Show whether the vault is unsealed, and what it holds', [
    '$ status',
    "$ status --format '{{.sealed}}'"
  ])
    .option(...detailFormat)
    .action(async ({ format }: { format?: string }) => {
      const now = await cli.api.status()
      if (format !== undefined) {
        const fields: Fields = Object.fromEntries(
          Object.keys(now).map(key => [key, { heading: key, fields: 'any' }])
        )
        printerFor(cli, format, fields, Object.keys(now))([now])
        return
      }
      for (const line of tableLines(linesOf(now, ''))) cli.print(line)
    })
}

// Whatever the daemon tells is shown, so that a newer one can tell more.
function linesOf(values: Readonly<Record<string, unknown>>, prefix: string): string[][] {
  return Object.entries(values).flatMap(([key, value]) => {
    const name = prefix + key.replace(/[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
    if (typeof value !== 'object' || value === null) return [[`${name}:`, valueText(value)]]
    return linesOf(value as Record<string, unknown>, `${name} `)
  })
}
