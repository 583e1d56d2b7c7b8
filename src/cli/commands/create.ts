import type { Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { newBoxOperand } from '../declare/operand.ts'

/** `create BOX…`: makes empty boxes and prints their names; one that exists is an error and stays as it is. */
export function create(cli: Cli): Command {
  const boxes = newBoxOperand('names of the new boxes').several()
  return command(cli, 'create', 'Make empty boxes', ['$ create db web'])
    .addArgument(boxes)
    .action((names: string[]) =>
      cli.each(names, async name => {
        await cli.api.createBox(boxes.parse(name))
        cli.print(name)
      })
    )
}
