import { remove } from 'fs-extra/esm'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultPaths } from '../../src/base/default-paths.ts'
import { accepts, childRunning } from '../kit/daemon-process.ts'
import { builtPlugin } from '../kit/engine/plugin.ts'

/** Directories of a daemon of its own: all below `root`, on a disk. */
export interface Home {
  readonly root: string
  readonly dataDir: string
  readonly keyDir: string
  readonly pluginSocket: string
  readonly adminSocket: string
}

/** The built plugin's daemon, running outside of an Engine. */
export interface Daemon extends Home {
  /** Of the daemon; the supervisor is its parent. */
  readonly pid: number
  /** From the start of the process until the plugin's socket takes connections, in milliseconds. */
  readonly startMs: number
  /** SIGTERM, and waits for the end. Its directories and copies stay. */
  end(): Promise<void>
}

/** New directories for a daemon. Not in /tmp, which may be memory: a commit must cost what it costs on a disk. */
export async function newHome(): Promise<Home> {
  const root = await mkdtemp(join(process.env['TMPDIR'] ?? '/var/tmp', 'secretbox-bench-'))
  return {
    root,
    dataDir: join(root, 'data'),
    keyDir: join(root, 'key'),
    pluginSocket: join(root, 'plugin.sock'),
    adminSocket: join(root, 'admin.sock')
  }
}

/** Removes what `newHome` made; no copy may be mounted any more. */
export async function removeHome({ root }: Home): Promise<void> {
  await remove(root)
}

/**
 * Starts the plugin's processes of build/plugin as its config.json says: the supervisor and the Node of its rootfs, the
 * same arguments and the same environment, only with other directories.
 */
export async function startBuiltDaemon(home: Home): Promise<Daemon> {
  const { entrypoint, env } = await pluginConfig()
  const [supervisor = '', ...args] = entrypoint.map(word => inHome(home, word))
  const begun = performance.now()
  const child = spawn(supervisor, args, {
    env: {
      ...env,
      LOG_LEVEL: 'error',
      // No Engine is there to say whose the copies are: they must stay for as long as the measurement takes.
      GRACE_SECONDS: '86400',
      SECRETBOX_DATA_DIR: home.dataDir,
      SECRETBOX_KEY_DIR: home.keyDir,
      SECRETBOX_COPIES_DIR: join(home.root, 'copies'),
      SECRETBOX_PLUGIN_SOCKET: home.pluginSocket,
      SECRETBOX_ADMIN_SOCKET: home.adminSocket,
      SECRETBOX_DOCKER_SOCKET: join(home.root, 'no-docker.sock')
    },
    stdio: ['ignore', 'inherit', 'inherit']
  })
  const untilServed = async (socket: string): Promise<void> => {
    while (!(await accepts(socket))) {
      if (hasEnded(child)) throw new Error('the daemon ended before it served')
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }
  await untilServed(home.pluginSocket)
  const startMs = performance.now() - begun
  await untilServed(home.adminSocket)
  return {
    ...home,
    pid: childRunning(child.pid ?? 0, 'daemon.mjs'),
    startMs,
    async end() {
      if (hasEnded(child)) return
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
}

/** Resident memory of a process in MiB: now, and the most since `forgetPeak` or its start. */
export async function memoryOf(pid: number): Promise<{ nowMiB: number; peakMiB: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { nowMiB: field('VmRSS') / 1024, peakMiB: field('VmHWM') / 1024 }
}

const rootfs = join(builtPlugin, 'rootfs')

/** A word of the plugin's entrypoint, with this home's directories in place of the plugin's. */
function inHome(home: Home, word: string): string {
  if (word === defaultPaths.copies) return join(home.root, 'copies')
  if (word === '/run') return home.root
  return word.startsWith('/') ? join(rootfs, word) : word
}

async function pluginConfig(): Promise<{ entrypoint: string[]; env: Record<string, string> }> {
  const config = JSON.parse(await readFile(join(builtPlugin, 'config.json'), 'utf8')) as {
    entrypoint: string[]
    env: { name: string; value: string }[]
  }
  return {
    entrypoint: config.entrypoint,
    env: Object.fromEntries(config.env.map(({ name, value }) => [name, value]))
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
