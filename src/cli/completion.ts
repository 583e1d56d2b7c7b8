import type { Command } from 'commander'
import { quote } from '../errors.ts'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { bashScript } from './completion-bash.ts'
import { fishScript } from './completion-fish.ts'
import { zshScript } from './completion-zsh.ts'
import { UsageError } from './failure.ts'

const scripts = { bash: bashScript, fish: fishScript, zsh: zshScript } as const

/** `completion <shell>`: prints the script that teaches a shell to complete commands, options, boxes and paths. */
export function completion(cli: Cli): Command {
  return command(cli, 'completion', 'Print the completion script for a shell', [
    'source <($ completion bash)',
    'source <($ completion zsh)',
    '$ completion fish | source'
  ])
    .argument('<shell>', Object.keys(scripts).join(', '), scriptFor)
    .action((script: string) => void cli.stdout.write(script))
}

function scriptFor(shell: string): string {
  const script = Object.entries(scripts).find(([name]) => name === shell)?.[1]
  if (script !== undefined) return script
  throw new UsageError(`unknown shell ${quote(shell)}`, `known: ${Object.keys(scripts).join(', ')}`)
}
