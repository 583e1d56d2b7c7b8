import { Option, type Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { newBoxOperand } from '../declare/operand.ts'
import { readPair } from '../declare/pairs.ts'
import { UsageError } from '../output/failure.ts'

interface CreateOptions {
  readonly type?: string
  readonly scope?: Readonly<Record<string, string>>
  readonly reveal?: 'never'
}

/** `create BOX…`: makes empty boxes and prints their names; one that exists is an error and stays as it is. */
export function create(cli: Cli): Command {
  const boxes = newBoxOperand('names of the new boxes').several()
  return command(cli, 'create', 'Make empty boxes', [
    '$ create db web',
    '$ create db --type postgres --scope host=db.example',
    '$ create --reveal never signing-key'
  ])
    .addArgument(boxes)
    .option(
      '-t, --type <type>',
      'make a credential of this type, with the fields and files that "types" shows'
    )
    .option(
      '--scope <key=value>',
      'what the credential is for, once for each pair; for a field of that name it is the value',
      readPair
    )
    .addOption(
      new Option(
        '--reveal <when>',
        '"never": contents are given to containers alone; for good, and for root, too'
      ).choices(['never'])
    )
    .action((names: string[], { type, scope, reveal }: CreateOptions) => {
      if (type === undefined && scope !== undefined)
        throw new UsageError('--scope is of use only with --type')
      return cli.each(names, async name => {
        const kind = type === undefined ? null : { type, scope: scope ?? {} }
        await cli.api.createBox(boxes.parse(name), kind, { neverRevealed: reveal === 'never' })
        cli.print(name)
      })
    })
}
