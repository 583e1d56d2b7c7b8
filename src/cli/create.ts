import type { Command } from 'commander'
import { parseBoxName } from '../vault/names.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'

/** `create <box>…`: makes empty boxes and prints their names; one that exists is an error and stays as it is. */
export function create(cli: Cli): Command {
  return command(cli, 'create', 'Make empty boxes', ['$ create db web'])
    .argument('<box...>', 'names of the new boxes')
    .action((names: string[]) =>
      cli.each(names, async name => {
        await cli.api.createBox(parseBoxName(name))
        cli.print(name)
      })
    )
}
