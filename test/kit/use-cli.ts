import { afterAll, beforeAll } from 'vitest'
import { builtCli } from './built.ts'
import { startDaemon, type Daemon } from './daemon-process.ts'
import { canRunHere, runHere } from './run-here.ts'
import { runProgram, type Conditions, type Outcome } from './run-program.ts'

/** The program that users get, and a daemon of its own, for as long as a test file runs. */
export interface Cli {
  readonly daemon: () => Daemon
  /** The program's file. */
  readonly program: string
  /** Runs it to its end, at the daemon's socket: in this process if that makes no difference. */
  readonly run: (args: readonly string[], conditions?: Conditions) => Promise<Outcome>
  /** Runs it in this process whatever it is: a docker that it starts has the streams of the tests, and should be silent. */
  readonly runHere: (args: readonly string[], conditions?: Conditions) => Promise<Outcome>
}

/** Starts a daemon with `settings` before the file's first test, and takes it away after its last. */
export function useCli(settings: NodeJS.ProcessEnv = {}): Cli {
  let daemon: Daemon
  beforeAll(async () => {
    daemon = await startDaemon(settings)
  })
  afterAll(async () => {
    await daemon.stop()
  })
  const atDaemon = ({ env = {}, ...conditions }: Conditions = {}): Conditions => ({
    ...conditions,
    env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon.adminSocket, ...env }
  })
  return {
    daemon: () => daemon,
    program: builtCli,
    run: (args, conditions) =>
      (canRunHere(args) ? runHere : runProgram)(builtCli, args, atDaemon(conditions)),
    runHere: (args, conditions) => runHere(builtCli, args, atDaemon(conditions))
  }
}
