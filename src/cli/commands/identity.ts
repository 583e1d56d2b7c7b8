import { createPublicKey } from 'node:crypto'
import { Option, type Command } from 'commander'
import type { PublicIdentity } from '../../api/identity.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'

/** `identity [--jwks|--issuer]`: what those need who check the tokens of containers. */
export function identity(cli: Cli): Command {
  return command(
    cli,
    'identity',
    "Print the public keys by which others check containers' tokens, in PEM; with --jwks as a JSON Web Key Set. " +
      'docs/identity.md says how OpenBao and Vault are told of them.',
    ['$ identity > secretbox.pem', '$ identity --jwks', '$ identity --issuer']
  )
    .summary("Print the public keys for containers' tokens")
    .addOption(new Option('--jwks', 'print them as a JSON Web Key Set').conflicts('issuer'))
    .option('--issuer', 'print the issuer that the tokens name instead')
    .action(async ({ jwks = false, issuer = false }: { jwks?: boolean; issuer?: boolean }) => {
      const identity = await cli.api.identity()
      const text = issuer
        ? identity.issuer
        : jwks
          ? JSON.stringify({ keys: identity.keys }, null, 2)
          : identity.keys.map(pemOf).join('\n')
      for (const line of text.split('\n')) cli.print(line)
    })
}

/** SubjectPublicKeyInfo (RFC 5280) in PEM, without the last newline. */
function pemOf({ kty, crv, x, y }: PublicIdentity['keys'][number]): string {
  const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  return key.export({ type: 'spki', format: 'pem' }).toString().trimEnd()
}
