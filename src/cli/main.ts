import { CommanderError, type Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { errnoOf, reasonOf } from '../base/errors.ts'
import { complete, completionLines } from './commands/complete.ts'
import { connectApi } from './client/connect.ts'
import { cliOf } from './declare/cli.ts'
import { errorLines, exitCodeOf, exitCodes } from './output/failure.ts'
import { hangUp } from './client/http.ts'
import { readInvocation } from './client/invocation.ts'
import { programFor } from './program.ts'
import { findAdminSocket } from './client/socket.ts'
import { readStart, type Start } from './start.ts'

async function begin(): Promise<number> {
  try {
    return await main(readStart())
  } catch (error) {
    process.stderr.write(errorLines(error))
    return exitCodeOf(error)
  }
}

async function main({ argv, env, descriptors }: Start): Promise<number> {
  const invocation = readInvocation(argv)
  const { stdin, stdout, stderr } = process
  const findSocket = () => findAdminSocket(env, invocation)
  const api = connectApi(findSocket)
  const cli = cliOf({
    name: invocation.name,
    env,
    stdin,
    stdout,
    stderr,
    api,
    docker: invocation,
    descriptors
  })
  try {
    const program = programFor(cli, packageJson.version)
    const [first = '--help', ...rest] = invocation.args
    if (first === '__complete' || first === '__completeNoDesc') {
      const completion = await complete(program, connectApi(findSocket, 'completion'), rest)
      stdout.write(completionLines(completion, { meanings: first === '__complete' }))
    } else {
      await program.parseAsync(commandLineOf(program, [first, ...rest]), { from: 'user' })
    }
    return cli.exitCode()
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    throw error
  } finally {
    hangUp()
  }
}

// `help` is ours: commander's answers to an unknown command with all the help there is, and with no error.
function commandLineOf(program: Command, args: readonly string[]): readonly string[] {
  const [first, about] = args
  if (first !== 'help' || about === undefined) return args
  const known = program.commands.some(each => each.name() === about || each.aliases().includes(about))
  return known ? [about, '--help'] : [about]
}

// Whoever reads our output may stop at any time: that is no failure worth a word.
process.stdout.on('error', error => {
  if (errnoOf(error) !== 'EPIPE')
    process.stderr.write(errorLines(new Error(`cannot write to standard output: ${reasonOf(error)}`)))
  process.exit(errnoOf(error) === 'EPIPE' ? exitCodes.done : exitCodes.failed)
})
process.stderr.on('error', () => process.exit(exitCodes.failed))

void begin().then(exitCode => {
  process.exitCode = exitCode
})
