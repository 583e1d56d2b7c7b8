import { CommanderError, type Command } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { complete, completionLines } from './commands/complete.ts'
import { connectApi } from './client/connect.ts'
import { cliOf, type Surroundings } from './declare/cli.ts'
import { errorLines, exitCodeOf } from './output/failure.ts'
import { hangUp } from './client/http.ts'
import { readInvocation } from './client/invocation.ts'
import { programFor } from './program.ts'
import { findAdminSocket } from './client/socket.ts'
import type { Start } from './start.ts'

/** Where the program reads and writes: the process's own streams, outside of tests. */
export type Streams = Pick<Surroundings, 'stdin' | 'stdout' | 'stderr'>

/**
 * Does what a command line asks for; resolves with the exit status, and never rejects: what is wrong is on `stderr`.
 * One at a time in a process, whose working directory and signals it takes for the user's.
 */
export async function begin(readStart: () => Start, streams: Streams): Promise<number> {
  try {
    return await run(readStart(), streams)
  } catch (error) {
    streams.stderr.write(errorLines(error))
    return exitCodeOf(error)
  }
}

async function run({ argv, env, descriptors }: Start, { stdin, stdout, stderr }: Streams): Promise<number> {
  const invocation = readInvocation(argv)
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
