import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { startBackground, statusOf, untilReady, type Background } from './background.ts'
import { engineAt, type Engine } from './engine.ts'
import { killShims, removeTraces } from './leftovers.ts'

export interface PrivateEngineOptions {
  /** Containers outlive dockerd. */
  liveRestore?: boolean
  /** A program that is the runtime `tried`, for containers that ask for it. */
  runtime?: string
  /** dockerd gets a network namespace of its own, for a swarm makes a bridge. */
  ownNetwork?: boolean
}

/** A throw-away Engine: dockerd and containerd with all of their state below `root`, beside any other Engine. */
export interface PrivateEngine extends Engine {
  startDockerd(): Promise<void>
  /** SIGTERM: dockerd stops its containers (unless live-restore is on) and its plugins. */
  stopDockerd(): Promise<void>
  /** SIGKILL: nothing is told to anybody. */
  killDockerd(): Promise<void>
  startContainerd(): Promise<void>
  killContainerd(): Promise<void>
  /** Ends all of it and leaves nothing behind: no process, no mount, no file. Safe to call twice. */
  stop(): Promise<void>
}

/**
 * Starts a private Engine and waits until it answers. It has no bridge and touches no firewall rule, so it
 * disturbs nothing; its containers have no network of themselves. (`--network none` costs each of them three starts of
 * dockerd, which makes a namespace of its own for that.) It needs root, but neither systemd nor a running Docker.
 * Rejects with the tail of a log.
 */
export async function startPrivateEngine(options: PrivateEngineOptions = {}): Promise<PrivateEngine> {
  if (process.getuid?.() !== 0) throw new Error('cannot start a private Engine: run this as root')
  // Not below the checkout: the path of a Unix socket is at most 107 bytes long.
  const root = await mkdtemp(join(process.env['TMPDIR'] ?? '/var/tmp', 'secretbox-engine-'))
  const engine = engineAt(root)
  const namespaces = [basename(root), `${basename(root)}-plugins`] as const
  const containerdSocket = join(root, 'containerd.sock')
  const dockerdLog = engine.log
  const containerdLog = join(root, 'containerd.log')
  let containerd: Background | null = null
  let dockerd: Background | null = null

  const startContainerd = async (): Promise<void> => {
    containerd = startBackground('containerd', ['--config', join(root, 'containerd.toml')], containerdLog)
    await untilReady(containerd, () => Promise.resolve(existsSync(containerdSocket)), containerdLog)
  }
  const startDockerd = async (): Promise<void> => {
    const dockerdWords = ['dockerd', ...dockerdArguments(root, namespaces, containerdSocket, options)]
    const [command, ...args] = options.ownNetwork === true ? inOwnNetwork(dockerdWords) : dockerdWords
    dockerd = startBackground(command ?? '', args, dockerdLog)
    await untilReady(
      dockerd,
      async () => (await statusOf({ socketPath: engine.socket }, '/_ping')) === 200,
      dockerdLog
    )
  }
  const stop = async (): Promise<void> => {
    await dockerd?.kill('SIGTERM')
    await containerd?.kill('SIGTERM')
    await killShims(root)
    await removeTraces(root, namespaces)
  }

  try {
    await writeConfiguration(root, containerdSocket)
    await startContainerd()
    await startDockerd()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...engine,
    startDockerd,
    stopDockerd: async () => dockerd?.kill('SIGTERM'),
    killDockerd: async () => dockerd?.kill('SIGKILL'),
    startContainerd,
    killContainerd: async () => containerd?.kill('SIGKILL'),
    stop
  }
}

/** A command in a network namespace that has only a loopback interface. */
function inOwnNetwork(words: readonly string[]): string[] {
  return ['unshare', '--net', 'sh', '-c', 'busybox ip link set lo up && exec "$@"', 'sh', ...words]
}

async function writeConfiguration(root: string, containerdSocket: string): Promise<void> {
  for (const directory of ['docker-config', 'plugin-data', 'plugin-key']) {
    await mkdir(join(root, directory), { mode: 0o700 })
  }
  // Plugins of the client that belong to this Engine, where it is not the machine's own (Makefile).
  const { ENGINE_PLUGINS: plugins } = process.env
  if (plugins !== undefined)
    await writeFile(
      join(root, 'docker-config/config.json'),
      JSON.stringify({ cliPluginsExtraDirs: [plugins] })
    )
  // An empty file instead of the host's /etc/docker/daemon.json, whose settings are not ours.
  await writeFile(join(root, 'daemon.json'), '{}')
  const containerdConfig = `version = 2
root = "${root}/containerd/root"
state = "${root}/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${root}/containerd/opt"
`
  await writeFile(join(root, 'containerd.toml'), containerdConfig)
}

function dockerdArguments(
  root: string,
  [containers, plugins]: readonly [string, string],
  containerdSocket: string,
  options: PrivateEngineOptions
): string[] {
  const settings = [
    `--config-file=${root}/daemon.json`,
    `--data-root=${root}/data`,
    `--exec-root=${root}/exec`,
    `--pidfile=${root}/docker.pid`,
    `--host=unix://${root}/docker.sock`,
    `--containerd=${containerdSocket}`,
    `--containerd-namespace=${containers}`,
    `--containerd-plugins-namespace=${plugins}`,
    '--bridge=none',
    '--iptables=false',
    '--ip-forward=false',
    // The one driver that works with and without systemd, on cgroup v1 and v2.
    '--exec-opt=native.cgroupdriver=cgroupfs'
  ]
  if (options.liveRestore === true) settings.push('--live-restore')
  if (options.runtime !== undefined) settings.push(`--add-runtime=tried=${options.runtime}`)
  return settings
}
