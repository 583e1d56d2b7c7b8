import type { Command } from 'commander'
import { quote } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { bashScript } from '../completion/bash.ts'
import { fishScript } from '../completion/fish.ts'
import { zshScript } from '../completion/zsh.ts'
import { UsageError } from '../output/failure.ts'
import { choiceOperand } from '../declare/operand.ts'

const scripts = { bash: bashScript, fish: fishScript, zsh: zshScript } as const

/** `completion SHELL`: prints the script that teaches a shell to complete commands, options, boxes and paths. */
export function completion(cli: Cli): Command {
  return command(cli, 'completion', 'Print the completion script for a shell', [
    'source <($ completion bash)',
    'source <($ completion zsh)',
    '$ completion fish | source'
  ])
    .addArgument(choiceOperand('SHELL', scripts, unknownShell))
    .action((script: string) => void cli.stdout.write(script))
}

function unknownShell(shell: string, known: string): UsageError {
  return new UsageError(`unknown shell ${quote(shell)}`, `known: ${known}`)
}
