import { Option, type Command } from 'commander'
import { SecretboxError } from '../../base/errors.ts'
import { keyslotsHint } from '../../base/messages.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { keyByIdentity, kindOf, secretFor, type SlotChoice } from './slot-secret.ts'

/** `unseal`: opens the vault with what somebody knows or has. */
export function unseal(cli: Cli): Command {
  return command(
    cli,
    'unseal',
    'Open a sealed vault: by a passphrase, which is asked for or read from standard input, a recovery code, a key file, or the ' +
      'age identity of a recipient, which is read here and goes no further. Containers that could not start are started then.',
    [
      '$ unseal',
      '$ unseal --recovery',
      '$ unseal --key-file /media/stick/key',
      '$ unseal --identity /media/stick/identity',
      '$ unseal < /run/credentials/passphrase'
    ]
  )
    .summary('Open a sealed vault')
    .addOption(new Option('--recovery', 'by a recovery code').conflicts(['keyFile', 'identity']))
    .addOption(new Option('--key-file <file>', 'by a key file').conflicts('identity'))
    .option('--identity <file>', 'by an age identity in a file, or "-" for standard input')
    .option('--keyslot <name>', 'by this keyslot alone')
    .action(async (options: SlotChoice & { keyslot?: string }) => {
      const kind = kindOf(options)
      if (options.identity !== undefined) {
        const found = await keyByIdentity(cli, options.identity, options.keyslot)
        if (found === null) throw noneFor(options.keyslot)
        await cli.api.unseal(kind, found.slot, [found.key])
      } else await cli.api.unseal(kind, options.keyslot, await secretFor(cli, kind, options))
    })
}

function noneFor(name: string | undefined): SecretboxError {
  const what = name === undefined ? 'no keyslot is' : `keyslot "${name}" is not`
  return new SecretboxError('denied', `${what} for this identity`, {
    hint: keyslotsHint
  })
}
