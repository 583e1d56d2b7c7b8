import type { Command } from 'commander'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { UsageError } from '../output/failure.ts'
import { shellOperand } from '../../base/shell-word.ts'

/** `version`: the version of this program, as `--version` shows it. */
export function versionCommand(cli: Cli, version: string): Command {
  return command(cli, 'version', 'Show the version of this program', ['$ version'])
    .usage('[options]')
    .argument('[box]')
    .action((box?: string) => {
      if (box !== undefined)
        throw new UsageError(
          '"version" takes no box',
          `the versions of a box: ${cli.name} versions ${shellOperand(box)}`
        )
      cli.print(version)
    })
}
