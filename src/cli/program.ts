import { Command, type CommanderError } from 'commander'
import { add } from './add.ts'
import { audit } from './audit.ts'
import type { Cli } from './cli.ts'
import { completion } from './completion.ts'
import { cp } from './cp.ts'
import { create } from './create.ts'
import { destroy } from './destroy.ts'
import { diff } from './diff.ts'
import { edit } from './edit.ts'
import { UsageError } from './failure.ts'
import { build } from './inject/build.ts'
import { createContainer, run } from './inject/run.ts'
import { inspect } from './inspect.ts'
import { list } from './list.ts'
import { put } from './put.ts'
import { read } from './read.ts'
import { reconcile } from './reconcile.ts'
import { remove } from './remove.ts'
import { rollback } from './rollback.ts'
import { status } from './status.ts'
import { usedBy } from './used-by.ts'
import { versions } from './versions.ts'

const commands = [
  create,
  destroy,
  add,
  put,
  remove,
  list,
  read,
  edit,
  cp,
  inspect,
  versions,
  diff,
  rollback,
  usedBy,
  run,
  createContainer,
  build,
  status,
  reconcile,
  audit,
  completion
]

/** What the plugin says of itself, in `docker --help` and in its own. */
export const description = 'Keep secrets in encrypted boxes and give them to containers'

/** The whole command line. Parsing it runs the command; a command line that is wrong throws `UsageError`. */
export function programFor(cli: Cli, version: string): Command {
  const output = {
    writeOut: (text: string) => void cli.stdout.write(text),
    writeErr: (text: string) => void cli.stderr.write(text),
    outputError: () => undefined
  }
  const program = new Command(cli.name)
    .description(`${description}. A box is a named, versioned tree of files.`)
    .version(version, '-v, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .usage('COMMAND')
    .enablePositionalOptions()
    .configureOutput(output)
    .addHelpText('after', `\nSee "${cli.name} COMMAND --help" for more on a command.`)
  for (const define of commands) {
    const command = define(cli).configureOutput(output)
    program.addCommand(rejecting(command, `${cli.name} ${command.name()} --help`))
  }
  return rejecting(program, `${cli.name} --help`)
}

// commander's own words for a wrong command line, in our form: `error:`, `hint:`, exit status 2.
function rejecting(command: Command, help: string): Command {
  return command.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw error
    const [message = '', guess] = error.message.replace(/^error: /, '').split('\n')
    throw new UsageError(message, guess === undefined ? `see: ${help}` : guess.replace(/^\((.*)\)$/, '$1'))
  })
}
