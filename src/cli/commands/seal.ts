import type { Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'

/** `seal`: takes the keys from the daemon, until `unseal`. */
export function seal(cli: Cli): Command {
  return command(
    cli,
    'seal',
    'Have the daemon drop the keys of the vault. Nothing can be read or given to containers until "unseal", also after a ' +
      'restart and with the key file in its place. Containers that run keep their copies, which are overwritten when they stop.',
    ['$ seal']
  )
    .summary('Drop the keys of the vault until it is unsealed')
    .action(async () => {
      await cli.api.seal()
    })
}
