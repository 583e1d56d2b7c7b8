import { Command } from 'commander'
import type { Cli } from './cli.ts'
import { Operand } from './operand.ts'

/** Starts the definition of a command; `examples` are command lines without the program's name. */
export function command(cli: Cli, name: string, description: string, examples: readonly string[]): Command {
  const lines = examples.map(example => `  ${example.replaceAll('$ ', `${cli.name} `)}`)
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'show this help')
    .configureHelp({
      visibleArguments: ({ registeredArguments }) =>
        registeredArguments.filter(each => each instanceof Operand && each.usage !== ''),
      argumentTerm: operand => operand.name() + (operand.variadic ? '...' : '')
    })
    .addHelpText('after', `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.join('\n')}`)
}
