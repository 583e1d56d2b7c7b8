import type { Command } from 'commander'
import type { Cli } from './cli.ts'
import { command } from './command.ts'

/** `version`: the version of this program, as `--version` shows it. */
export function versionCommand(cli: Cli, version: string): Command {
  return command(cli, 'version', 'Show the version of this program', ['$ version']).action(() =>
    cli.print(version)
  )
}
