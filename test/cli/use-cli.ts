import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { buildCli } from '../../rootfs-build/cli.ts'
import { startDaemon, type Daemon } from '../daemon-process.ts'
import { runProgram, type Conditions, type Outcome } from './run.ts'

/** The program that users get, and a daemon of its own, for as long as a test file runs. */
export interface Cli {
  readonly daemon: () => Daemon
  /** The program's file. */
  readonly program: () => string
  /** Runs it to its end, at the daemon's socket. */
  readonly run: (args: readonly string[], conditions?: Conditions) => Promise<Outcome>
}

/** Bundles the program and starts a daemon with `settings` before the file's first test, and takes them away after its last. */
export function useCli(settings: NodeJS.ProcessEnv = {}): Cli {
  let daemon: Daemon
  let directory: string
  const program = () => join(directory, 'docker-vault')
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'docker-vault-'))
    await buildCli(program())
    daemon = await startDaemon(settings)
  })
  afterAll(async () => {
    await daemon.stop()
    await rm(directory, { recursive: true })
  })
  return {
    daemon: () => daemon,
    program,
    run: (args, { env = {}, ...conditions } = {}) =>
      runProgram(program(), args, {
        ...conditions,
        env: { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon.adminSocket, ...env }
      })
  }
}
