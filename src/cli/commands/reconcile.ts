import type { Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { idField, volumeField } from '../output/fields.ts'
import { listFormat, printerFor, type Fields } from '../output/format.ts'

const fields: Fields = {
  Mount: idField('MOUNT', true),
  Volume: volumeField(true),
  Action: { heading: 'ACTION' },
  Reason: { heading: 'REASON' }
}

/** `reconcile [--apply]`: which copies are still held by a container, and which are to be wiped. */
export function reconcile(cli: Cli): Command {
  return command(
    cli,
    'reconcile',
    'Show which copies containers still hold and which nobody does. Nothing is changed unless --apply is given, ' +
      'which wipes those that nobody holds. The daemon does so by itself, too.',
    ['$ reconcile', '$ reconcile --apply']
  )
    .summary('Find and wipe copies that nobody holds')
    .option('--apply', 'do it')
    .option(...listFormat)
    .option('--no-trunc', 'show mount IDs in full')
    .action(
      async ({ apply = false, format, trunc }: { apply?: boolean; format?: string; trunc: boolean }) => {
        const print = printerFor(
          cli,
          format ?? 'table',
          trunc ? fields : { ...fields, Mount: idField('MOUNT', false), Volume: volumeField(false) },
          Object.keys(fields)
        )
        const findings = await cli.api.reconcile(apply)
        print(
          findings.map(({ mount, volume, action, reason }) => {
            return { Mount: mount, Volume: volume ?? '', Action: action, Reason: reason }
          })
        )
        if (!apply && findings.some(({ action }) => action !== 'keep')) {
          cli.note(`nothing was done; to do it: ${cli.name} reconcile --apply`)
        }
      }
    )
}
