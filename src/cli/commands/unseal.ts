import { Option, type Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { kindOf, secretFor, type SlotChoice } from './slot-secret.ts'

/** `unseal`: opens the vault with what somebody knows or has. */
export function unseal(cli: Cli): Command {
  return command(
    cli,
    'unseal',
    'Open a sealed vault: by a passphrase, which is asked for or read from standard input, a recovery code, or a key file. ' +
      'Containers that could not start are started then.',
    [
      '$ unseal',
      '$ unseal --recovery',
      '$ unseal --key-file /media/stick/key',
      '$ unseal < /run/credentials/passphrase'
    ]
  )
    .summary('Open a sealed vault')
    .addOption(new Option('--recovery', 'by a recovery code').conflicts('keyFile'))
    .option('--key-file <file>', 'by a key file')
    .option('--keyslot <name>', 'by this keyslot alone')
    .action(async (options: SlotChoice & { keyslot?: string }) => {
      const kind = kindOf(options)
      await cli.api.unseal(kind, options.keyslot, await secretFor(cli, kind, options))
    })
}
