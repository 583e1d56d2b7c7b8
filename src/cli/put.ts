import { fstatSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { quote, SecretboxError } from '../errors.ts'
import { parseBoxName, parseFilePath } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { UsageError } from './failure.ts'
import { charsetChoices, generate, maxLength } from './generate.ts'
import type { Body } from './http.ts'
import { startProgress } from './progress.ts'
import { askSecret } from './prompt.ts'

interface PutOptions {
  readonly mode: string
  readonly generate?: boolean
  readonly length?: number
  readonly charset?: string
}

/** `put <box> <path>`: stores stdin, or a secret made on the spot, as one file of a box. */
export function put(cli: Cli): Command {
  return command(
    cli,
    'put',
    'Store standard input as a file of a box, byte for byte. At a terminal, ask for one line and do not show it.',
    [
      '$ put db password < password.txt',
      '$ put --generate --length 40 db password',
      'printf %s "$TOKEN" | $ put ci token'
    ]
  )
    .summary('Store standard input as a file of a box')
    .argument('<box>', 'name of the box')
    .argument('<path>', 'path in the box; missing directories are made')
    .addOption(
      new Option('-m, --mode <octal>', 'permissions of the file').default('0600').argParser(parseMode)
    )
    .option('-g, --generate', 'make a random secret instead of reading one; it is not shown')
    .addOption(
      new Option('-l, --length <n>', 'with --generate: how many characters (default: 32)').argParser(
        parseLength
      )
    )
    .option('-c, --charset <set>', `with --generate: ${charsetChoices} (default: alphanumeric)`)
    .action(async (name: string, pathText: string, options: PutOptions) => {
      const box = parseBoxName(name)
      const path = parseFilePath(pathText)
      if (path === '')
        throw new UsageError(`bad path ${quote(pathText)}: it names the box itself, not a file in it`)
      const secret = await secretFrom(cli, `${box}:${path}`, options)
      const progress = startProgress(cli.stderr, `storing "${box}:${path}"`)
      try {
        await cli.api.putFile(box, path, progress.count(secret), options)
      } finally {
        progress.end()
      }
    })
}

async function secretFrom(cli: Cli, what: string, options: PutOptions): Promise<Body> {
  if (options.generate === true) return [generate(options.length ?? 32, options.charset ?? 'alphanumeric')]
  if (options.length !== undefined || options.charset !== undefined) {
    throw new UsageError('--length and --charset are of use only with --generate')
  }
  // Node takes a directory for an empty stream.
  if (fstatSync(0).isDirectory())
    throw new SecretboxError('invalid', 'cannot read standard input: it is a directory')
  if (cli.stdin.isTTY !== true) return cli.stdin
  return [await askSecret(cli.stdin, cli.stderr, `Secret for ${quote(what)} (not shown): `)]
}

function parseMode(text: string): string {
  if (!/^[0-7]{1,5}$/.test(text) || Number.parseInt(text, 8) > 0o7777) {
    throw new UsageError(`bad mode ${quote(text)}: a mode is octal, 0000 to 7777`)
  }
  return text.padStart(4, '0').slice(-4)
}

function parseLength(text: string): number {
  const length = Number(text)
  if (!/^\d+$/.test(text) || length < 1 || length > maxLength) {
    throw new UsageError(`bad length ${quote(text)}: a length is 1 to ${maxLength}`)
  }
  return length
}
