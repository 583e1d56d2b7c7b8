import { Command, type CommanderError } from 'commander'
import { add } from './commands/add.ts'
import { audit } from './commands/audit.ts'
import type { Cli } from './declare/cli.ts'
import { compose } from './compose/compose.ts'
import { completion } from './commands/completion.ts'
import { cp } from './commands/cp.ts'
import { can } from './commands/can.ts'
import { approve } from './commands/approve.ts'
import { grant } from './commands/grant.ts'
import { grants } from './commands/grants.ts'
import { revoke } from './commands/revoke.ts'
import { create } from './commands/create.ts'
import { destroy } from './commands/destroy.ts'
import { diff } from './commands/diff.ts'
import { edit } from './commands/edit.ts'
import { UsageError } from './output/failure.ts'
import { build } from './inject/build.ts'
import { exec } from './inject/exec.ts'
import { createContainer, run } from './inject/run.ts'
import { stale } from './inject/stale.ts'
import { identity } from './commands/identity.ts'
import { fields } from './commands/fields.ts'
import { inspect } from './commands/inspect.ts'
import { list } from './commands/list.ts'
import { description } from './metadata.ts'
import { Operand } from './declare/operand.ts'
import { owner } from './commands/owner.ts'
import { prune } from './commands/prune.ts'
import { put } from './commands/put.ts'
import { read } from './commands/read.ts'
import { reconcile } from './commands/reconcile.ts'
import { remove } from './commands/remove.ts'
import { rename } from './commands/rename.ts'
import { rollback } from './commands/rollback.ts'
import { keyslot } from './commands/keyslot.ts'
import { rotate } from './commands/rotate.ts'
import { seal } from './commands/seal.ts'
import { set } from './commands/set.ts'
import { unseal } from './commands/unseal.ts'
import { status } from './commands/status.ts'
import { types } from './commands/types.ts'
import { usedBy } from './commands/used-by.ts'
import { versionCommand } from './commands/version.ts'
import { versions } from './commands/versions.ts'

/** The commands, in the order and under the headings that help shows. */
const commands = {
  'Boxes:': [create, destroy, rename, list, inspect],
  'Credentials (boxes with a type):': [types, fields, set],
  'Files in boxes:': [add, put, read, edit, remove, cp],
  'Versions of boxes:': [versions, diff, rollback],
  'Who may do what:': [grant, approve, revoke, grants, can, owner],
  'Containers and images:': [run, createContainer, exec, build, compose, usedBy, stale],
  'The key of the vault:': [seal, unseal, keyslot, rotate],
  'The daemon:': [status, audit, identity, reconcile, prune]
} as const

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
    // The names alone, as docker has it: with their arguments they leave no room for what they do.
    .configureHelp({ subcommandTerm: command => command.name() })
    .addHelpText('after', `\nSee "${cli.name} COMMAND --help" for more on a command.`)
  const addCommand = (define: (cli: Cli) => Command) => {
    const command = withUsage(define(cli)).configureOutput(output)
    program.addCommand(rejecting(command, `${cli.name} ${command.name()} --help`))
  }
  for (const [heading, group] of Object.entries(commands)) {
    program.commandsGroup(heading)
    for (const define of group) addCommand(define)
  }
  program.commandsGroup('More:')
  addCommand(completion)
  addCommand(each => versionCommand(each, version))
  program.helpCommand('help [command]', 'Show the help of a command')
  return rejecting(program, `${cli.name} --help`)
}

/** A command that takes operands shows them in its usage line as docker does; the others say what they show. */
function withUsage(command: Command): Command {
  const operands = command.registeredArguments.filter(each => each instanceof Operand)
  if (operands.length < command.registeredArguments.length) return command
  const terms = operands.map(({ usage }) => usage).filter(usage => usage !== '')
  return command.usage(['[options]', ...terms].join(' '))
}

// commander's own words for a wrong command line, in our form: `error:`, `hint:`, exit status 2.
function rejecting(command: Command, help: string): Command {
  return command.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw error
    const [said = '', guess] = error.message.replace(/^error: /, '').split('\n')
    const [given, taken] = [command.args.length, command.registeredArguments.length]
    const message =
      error.code === 'commander.excessArguments'
        ? `too many arguments: "${command.name()}" takes ${taken}, not ${given}`
        : said.replace(/'([^']*)'/g, '"$1"')
    throw new UsageError(message, guess?.replace(/^\(D(.*)\)$/, 'd$1') ?? `see: ${help}`)
  })
}
