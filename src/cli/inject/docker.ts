import { spawn, type IOType, type StdioOptions } from 'node:child_process'
import { connect } from 'node:net'
import { constants } from 'node:os'
import { pipeline } from 'node:stream/promises'
import { errnoOf, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import { withDescriptors } from '../input/descriptors.ts'
import { guardSignals, type SignalGuard } from './signals.ts'

/** How a program ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a run of docker gets beside its arguments. */
export interface Conditions {
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv
  /** Its standard input; without one it has ours. */
  readonly input?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** It gets no input, and its standard output is our standard error: what it says is no result. */
  readonly asProgress?: boolean
}

/** The docker client that started us, or the one on the PATH, with the Engine that was chosen. */
export interface Docker {
  /** Runs it with our streams, and all descriptors that the user opened for it, to its end. Signals that we get are its own. */
  run(args: readonly string[], guard: SignalGuard, conditions?: Conditions): Promise<Ending>
  /** Runs it unseen, without input unless it is to have ours, or some text. Gives what it wrote to standard output, or null when it failed. */
  ask(
    args: readonly string[],
    input?: 'ignore' | 'inherit' | { readonly text: string }
  ): Promise<string | null>
}

/** Finds the docker client as docker's own plugins do (docker/cli, cli-plugins/metadata: ReexecEnvvar). */
export function dockerOf(cli: Pick<Cli, 'env' | 'docker' | 'descriptors'>): Docker {
  const { host, context, configDir } = cli.docker
  const program = cli.env['DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND'] ?? 'docker'
  const globals = [
    ...(configDir === null ? [] : ['--config', configDir]),
    ...(host === null ? [] : ['--host', host]),
    ...(context === null ? [] : ['--context', context])
  ]
  return clientOf(program, globals, cli)
}

/** A client of the Engine: its program, and what stands before all of its arguments. */
export function clientOf(
  program: string,
  globals: readonly string[],
  { env, descriptors }: Pick<Cli, 'env' | 'descriptors'>
): Docker {
  const start = (args: readonly string[], stdio: StdioOptions, more: NodeJS.ProcessEnv = {}) =>
    spawn(program, [...globals, ...args], { stdio, env: { ...env, ...more } })
  const cannotStart = (error: Error) =>
    new SecretboxError('unavailable', `cannot run ${quote(program)}: ${reasonOf(error)}`, {
      ...(errnoOf(error) === 'ENOENT' ? { hint: 'install the docker client' } : {})
    })

  return {
    async run(args, guard, { env: more = {}, input, asProgress = false } = {}) {
      const stdin: IOType = input !== undefined ? 'pipe' : asProgress ? 'ignore' : 'inherit'
      const streams = withDescriptors([stdin, asProgress ? 2 : 'inherit', 'inherit'], descriptors)
      const child = start(args, streams, more)
      const ended = new Promise<Ending>((resolve, reject) => {
        child.once('error', error => reject(cannotStart(error)))
        child.once('close', (code, signal) => resolve({ code, signal }))
      })
      guard.handTo(child)
      const quit = followDocker(env, guard)
      // A docker that needs no more of its input closes it; its exit status tells the tale.
      if (input !== undefined && child.stdin !== null) pipeline(input, child.stdin).catch(() => undefined)
      try {
        return await ended
      } finally {
        quit()
        guard.handTo(null)
      }
    },

    ask(args, input = 'ignore') {
      const child = start(args, [typeof input === 'string' ? input : 'pipe', 'pipe', 'ignore'])
      // One that ends without reading it says so by its exit status.
      if (typeof input !== 'string') child.stdin?.on('error', () => undefined).end(input.text)
      const chunks: Buffer[] = []
      child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
      return new Promise((resolve, reject) => {
        child.once('error', error => reject(cannotStart(error)))
        child.once('close', code => resolve(code === 0 ? Buffer.concat(chunks).toString() : null))
      })
    }
  }
}

/**
 * A docker that started us and is told to end does not tell us by a signal: it hangs up a socket (docker/cli,
 * cli-plugins/socket, since 25.0). Older ones tell nobody. Returns what ends the waiting.
 */
function followDocker(env: NodeJS.ProcessEnv, guard: SignalGuard): () => void {
  const address = env['DOCKER_CLI_PLUGIN_SOCKET']
  if (address === undefined || address === '') return () => undefined
  // Go writes the leading NUL of an abstract address as "@".
  const socket = connect(address.replace(/^@/, '\0'))
  let over = false
  socket.on('error', () => undefined)
  socket.on('end', () => {
    if (!over) guard.receive('SIGTERM')
  })
  socket.resume().unref()
  return () => {
    over = true
    socket.destroy()
  }
}

/**
 * Runs `work` with signals guarded, then lets this process end as docker did: with its exit status, or by its
 * signal. `work` must have put everything away when it returns or throws.
 */
export async function endingAsDocker(cli: Cli, work: (guard: SignalGuard) => Promise<Ending>): Promise<void> {
  const guard = guardSignals([cli.stdin, cli.stdout, cli.stderr].some(stream => stream.isTTY === true))
  let ending: Ending
  try {
    ending = await work(guard)
  } catch (error) {
    const signal = guard.missed()
    if (signal === null) throw error
    // Whatever it was that failed: the user had it stopped.
    ending = { code: null, signal }
  } finally {
    guard.end()
  }
  const signal = ending.signal ?? null
  if (signal !== null) {
    cli.endWith(128 + constants.signals[signal])
    process.kill(process.pid, signal)
    return
  }
  cli.endWith(ending.code ?? 1)
}
