import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pluginName } from '../src/base/default-paths.ts'
import { printableLines } from '../src/cli/output/printable.ts'

/** What stops an installation: shown as `error:` and `hint:` lines, without a stack. */
export class Refusal extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Runs the script of `make <target>`; prints a refusal, a failed docker command or a failed write, and exits with 1. */
export function runScript(target: string, script: () => void): void {
  try {
    if (process.getuid?.() !== 0) throw new Refusal(`cannot ${target}: not root`, `try: sudo make ${target}`)
    // Ctrl-C ends the docker command that runs; what then is said tells how far it came.
    process.on('SIGINT', () => undefined)
    script()
  } catch (error) {
    if (error instanceof Refusal)
      console.error(`error: ${printableLines(error.message)}\nhint: ${printableLines(error.hint)}`)
    else if (error instanceof Error && 'syscall' in error)
      console.error(`error: ${printableLines(error.message)}`)
    else throw error
    process.exitCode = 1
  }
}

/** Runs `docker` against the Engine that DOCKER_HOST or the current context names; gives its standard output. */
export function docker(...args: string[]): string {
  try {
    return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Refusal(
        'there is no docker command',
        'install Docker Engine, on Debian: apt-get install docker.io'
      )
    throw new Refusal(
      `docker ${args.slice(0, 2).join(' ')} failed: ${whatWasSaid(error)}`,
      'is the Engine running? try: docker info'
    )
  }
}

function whatWasSaid(error: unknown): string {
  const { stderr, signal } = error as { stderr?: string; signal?: NodeJS.Signals | null }
  const said = (stderr ?? '').trim()
  return said !== '' ? said : signal ? 'it was interrupted' : String(error)
}

/**
 * The socket, on this machine, of the Engine that `docker` talks to: DOCKER_SOCKET where it is set, else what
 * DOCKER_HOST or the current context names. Refuses an Engine elsewhere: the plugin's files lie on its host.
 */
export function engineSocket(): string {
  const host = docker('context', 'inspect', '--format', '{{.Endpoints.docker.Host}}')
  const socket = process.env['DOCKER_SOCKET'] || /^unix:\/\/(.+)$/.exec(host)?.[1]
  if (socket === undefined) {
    throw new Refusal(`cannot install into the Engine at "${host}"`, "run this on the Engine's own host")
  }
  if (existsSync(socket)) return resolve(socket)
  throw new Refusal(
    `no Engine's socket at "${socket}"`,
    'start Docker, or name the socket: make install DOCKER_SOCKET=/path/to/docker.sock'
  )
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '')
}

/** The plugin as the Engine knows it: what it began with, and what is set now. */
export interface InstalledPlugin {
  Config: { Env: { Name: string; Value: string | null }[] }
  Settings: { Env: string[]; Mounts: { Name: string; Source: string }[] }
  Enabled: boolean
}

/** The installed plugin, or null. */
export function findPlugin(): InstalledPlugin | null {
  const names = lines(docker('plugin', 'ls', '--format', '{{.Name}}'))
  if (!names.includes(`${pluginName}:latest`)) return null
  const [plugin] = JSON.parse(docker('plugin', 'inspect', pluginName)) as InstalledPlugin[]
  return plugin ?? null
}

/** The host directory that an installed plugin's mount shows, or null. */
export function sourceOf(plugin: InstalledPlugin | null, mount: 'data' | 'key'): string | null {
  return plugin?.Settings.Mounts.find(({ Name }) => Name === mount)?.Source ?? null
}

/** The names of the plugin's volumes. The Engine lists none of a disabled plugin; those of its containers are found all the same. */
export function volumesOfPlugin(): string[] {
  const listed = lines(docker('volume', 'ls', '--quiet', '--filter', `driver=${pluginName}:latest`))
  return [...new Set([...listed, ...usesOfPlugin('--all').map(({ volume }) => volume)])]
}

/** The containers (`--all`: those that do not run, too) that have volumes of the plugin, a row for each of these. */
function usesOfPlugin(...which: '--all'[]): { container: string; volume: string }[] {
  const ids = lines(docker('ps', '--quiet', '--no-trunc', ...which))
  if (ids.length === 0) return []
  const format = '{{range .Mounts}}{{$.Name}}\t{{.Driver}}\t{{.Name}}\n{{end}}'
  // It fails when one of them is gone meanwhile, and tells of the others.
  const { stdout } = spawnSync('docker', ['inspect', '--format', format, ...ids], { encoding: 'utf8' })
  return lines(stdout).flatMap(line => {
    const [container = '', driver, volume = ''] = line.split('\t')
    return driver === `${pluginName}:latest` ? [{ container: container.replace(/^\//, ''), volume }] : []
  })
}

/** Refuses while a running container holds a copy: the plugin could not take it away at the container's end. */
export function refuseWhileInUse(action: string): void {
  const users = usesOfPlugin().map(({ container, volume }) => `${container} (volume ${volume})`)
  if (users.length === 0) return
  throw new Refusal(
    `cannot ${action}: running containers use its volumes: ${users.join(', ')}`,
    'stop them first; start them again afterwards'
  )
}

/** Takes the plugin out of the Engine. Its volumes, known to the store, wait there for the next installation. */
export function removePlugin(plugin: InstalledPlugin): void {
  // Without force the Engine keeps a plugin as long as it has volumes, used or not.
  if (plugin.Enabled) docker('plugin', 'disable', '--force', pluginName)
  docker('plugin', 'rm', '--force', pluginName)
}
