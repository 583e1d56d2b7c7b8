import { Argument, type Command } from 'commander'
import type { Cli } from './cli.ts'
import { command } from './command.ts'
import { bashScript } from './completion-bash.ts'
import { fishScript } from './completion-fish.ts'
import { zshScript } from './completion-zsh.ts'

const scripts = { bash: bashScript, fish: fishScript, zsh: zshScript } as const

/** `completion <shell>`: prints the script that teaches a shell to complete commands, options, boxes and paths. */
export function completion(cli: Cli): Command {
  return command(cli, 'completion', 'Print the completion script for a shell', [
    'source <($ completion bash)',
    'source <($ completion zsh)',
    '$ completion fish | source'
  ])
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action((shell: keyof typeof scripts) => void cli.stdout.write(scripts[shell]))
}
