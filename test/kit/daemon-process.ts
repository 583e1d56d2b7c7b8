import { remove } from 'fs-extra/esm'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtDaemon, builtSupervisor } from './built.ts'
import { unmountBelow } from './mounting.ts'

/** A daemon of its own, with everything it keeps in one temporary directory. */
export interface Daemon {
  /** Its temporary directory; `data/`, `key/` and `copies/` lie in it. */
  readonly directory: string
  readonly adminSocket: string
  readonly pluginSocket: string
  /** To which all may connect who reach it. */
  readonly publicSocket: string
  /** Of the daemon, which the supervisor runs. */
  readonly pid: number
  /** What it has written so far. */
  readonly log: () => string
  /** How the process ends: the exit status, or null after a signal. */
  readonly ended: Promise<number | null>
  /** Sends a signal and resolves as `ended` does. Its directory stays, for another daemon to start on. */
  kill(signal: NodeJS.Signals): Promise<number | null>
  /** Ends the process and removes the directory, with what is still mounted there. */
  stop(): Promise<void>
}

/** How a daemon ended that could not start. */
export class NotStarted extends Error {
  readonly code: number | null
  readonly log: string

  constructor(code: number | null, log: string) {
    super(`the daemon ended with status ${code ?? 'none'}:\n${log}`)
    this.code = code
    this.log = log
  }
}

/**
 * Starts a daemon and resolves when its admin socket takes connections; rejects with `NotStarted` when it ends
 * before. `directory`: one that an earlier daemon left, or that was made for this one; it stays when it ends before.
 * `wrapper`: a command that executes the program that follows it. `byItself`: the daemon is started, and becomes the
 * supervisor, which starts it anew; otherwise the supervisor is, as in the plugin: a Node takes a third of a second.
 */
export async function startDaemon(
  settings: NodeJS.ProcessEnv = {},
  directory?: string,
  wrapper: readonly string[] = [],
  byItself = false
): Promise<Daemon> {
  const home = directory ?? (await mkdtemp(join(tmpdir(), 'secretbox-')))
  const adminSocket = settings['SECRETBOX_ADMIN_SOCKET'] ?? join(home, 'admin.sock')
  const publicSocket = settings['SECRETBOX_PUBLIC_SOCKET'] ?? join(home, 'public.sock')
  const pluginSocket = settings['SECRETBOX_PLUGIN_SOCKET'] ?? join(home, 'plugin.sock')
  const copies = settings['SECRETBOX_COPIES_DIR'] ?? join(home, 'copies')
  const env = {
    PATH: process.env['PATH'],
    SECRETBOX_DATA_DIR: join(home, 'data'),
    SECRETBOX_KEY_DIR: join(home, 'key'),
    SECRETBOX_COPIES_DIR: copies,
    SECRETBOX_PLUGIN_SOCKET: pluginSocket,
    SECRETBOX_ADMIN_SOCKET: adminSocket,
    SECRETBOX_PUBLIC_SOCKET: publicSocket,
    RUNTIME_DIRECTORY: home,
    SECRETBOX_DOCKER_SOCKET: join(home, 'no-docker.sock'),
    ...settings
  }
  const options = settings['SECRETBOX_SUPERVISOR_OPTIONS']?.split(' ') ?? []
  const supervisor = [builtSupervisor, ...options, copies, settings['RUNTIME_DIRECTORY'] ?? home]
  const [program, ...args] = [...wrapper, ...(byItself ? [] : supervisor), process.execPath, builtDaemon]
  const daemon = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(daemon, 'close').then(([code]) => code as number | null)
  let log = ''
  try {
    await new Promise<void>((resolve, reject) => {
      // Whenever it says something, it may be ready: no word of its log needs to be known here.
      const said = (text: Buffer): void => {
        log += text.toString()
        void accepts(adminSocket).then(yes => yes && resolve())
      }
      daemon.stdout.on('data', said)
      daemon.stderr.on('data', said)
      void ended.then(code => reject(new NotStarted(code, log)))
    })
  } catch (error) {
    if (directory === undefined) await removeHome(home)
    throw error
  }
  const kill = (signal: NodeJS.Signals): Promise<number | null> => {
    daemon.kill(signal)
    return ended
  }
  return {
    directory: home,
    adminSocket,
    pluginSocket,
    publicSocket,
    get pid() {
      return childRunning(daemon.pid ?? 0, builtDaemon)
    },
    log: () => log,
    ended,
    kill,
    async stop() {
      await kill('SIGTERM')
      await removeHome(home)
    }
  }
}

/** The processes that the main thread of a process has started, and that are there, in the order in which they were started. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}

/** The daemon below a supervisor: its child whose command line names this program; NaN when there is none. */
export function childRunning(supervisor: number, program: string): number {
  const isDaemon = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program)
    } catch {
      // It has ended since they were listed, as jobs do.
      return false
    }
  }
  return childrenOf(supervisor).find(isDaemon) ?? NaN
}

/** Removes a daemon's directory, with what is still mounted there. */
export async function removeHome(directory: string): Promise<void> {
  unmountBelow(directory)
  await remove(directory)
}

/** Whether a socket takes connections. */
export function accepts(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(socketPath, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
