import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const entry = new URL('../../src/daemon.ts', import.meta.url).pathname

/** A daemon of its own, with everything it keeps in one temporary directory. */
export interface Daemon {
  /** Its temporary directory; `data/` and `key/` lie in it. */
  readonly directory: string
  readonly adminSocket: string
  readonly pid: number
  /** Ends the process and removes the directory. */
  stop(): Promise<void>
}

/** Starts a daemon and resolves when its admin socket takes connections; rejects with its log when it ends before. */
export async function startDaemon(settings: NodeJS.ProcessEnv = {}): Promise<Daemon> {
  const directory = await mkdtemp(join(tmpdir(), 'secretbox-'))
  const adminSocket = join(directory, 'admin.sock')
  const daemon = spawn(process.execPath, [entry], {
    env: {
      PATH: process.env['PATH'],
      SECRETBOX_DATA_DIR: join(directory, 'data'),
      SECRETBOX_KEY_DIR: join(directory, 'key'),
      SECRETBOX_COPIES_DIR: join(directory, 'copies'),
      SECRETBOX_PLUGIN_SOCKET: join(directory, 'plugin.sock'),
      SECRETBOX_ADMIN_SOCKET: adminSocket,
      SECRETBOX_DOCKER_SOCKET: join(directory, 'no-docker.sock'),
      ...settings
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const ended = once(daemon, 'exit')
  let log = ''
  try {
    await new Promise<void>((resolve, reject) => {
      // Whenever it says something, it may be ready: no word of its log needs to be known here.
      const said = (text: Buffer) => {
        log += text.toString()
        void accepts(adminSocket).then(yes => yes && resolve())
      }
      daemon.stdout.on('data', said)
      daemon.stderr.on('data', said)
      daemon.once('exit', code =>
        reject(new Error(`the daemon ended with status ${code ?? 'none'}:\n${log}`))
      )
    })
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  return {
    directory,
    adminSocket,
    pid: daemon.pid ?? 0,
    async stop() {
      daemon.kill('SIGTERM')
      await ended
      await rm(directory, { recursive: true, force: true })
    }
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(socketPath, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
