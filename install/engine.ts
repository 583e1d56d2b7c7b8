import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'

/** The plugin's name in the user's Engine. */
export const pluginName = 'secretbox'

/** What stops an installation: shown as `error:` and `hint:` lines, without a stack. */
export class Refusal extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** Runs one installation script; prints a refusal or a failed docker command and exits with 1. */
export function runScript(script: () => void): void {
  try {
    if (process.getuid?.() !== 0) throw new Refusal('not root', 'run it as root: sudo make install')
    script()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    console.error(`error: ${error.message}\nhint: ${error.hint}`)
    process.exitCode = 1
  }
}

/** Runs `docker` against the Engine that DOCKER_HOST or the current context names; gives its standard output. */
export function docker(...args: string[]): string {
  try {
    return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new Refusal(
      `docker ${args.slice(0, 3).join(' ')} failed: ${said}`,
      'is the Engine running? try: docker info'
    )
  }
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '')
}

/** The plugin as the Engine knows it: which settings can be set, and what they are set to. */
export interface InstalledPlugin {
  Config: {
    Env: { Name: string; Settable: string[] | null }[]
    Mounts: { Name: string; Settable: string[] | null }[]
  }
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

/** The names of the plugin's volumes. */
export function volumesOfPlugin(): string[] {
  return lines(docker('volume', 'ls', '--quiet', '--filter', `driver=${pluginName}:latest`))
}

/** Refuses while a running container holds a copy: the plugin could not take it away at the container's end. */
export function refuseWhileInUse(action: string): void {
  const users = volumesOfPlugin().flatMap(volume =>
    lines(docker('ps', '--filter', `volume=${volume}`, '--format', `{{.Names}} (volume ${volume})`))
  )
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

/** Where things go on the host; each place can be set by an environment variable or `make install NAME=…`. */
export function places(): { data: string; key: string; dockerSocket: string; cliPlugins: string } {
  const { DATA_DIR, KEY_DIR, DOCKER_SOCKET, CLI_PLUGINS_DIR, DOCKER_HOST } = process.env
  const hostSocket = /^unix:\/\/(.+)$/.exec(DOCKER_HOST ?? '')?.[1]
  return {
    data: resolve(DATA_DIR ?? '/var/lib/secretbox'),
    key: resolve(KEY_DIR ?? '/etc/secretbox'),
    dockerSocket: resolve(DOCKER_SOCKET ?? hostSocket ?? '/var/run/docker.sock'),
    // Where every user's Docker CLI looks, whatever HOME sudo sets.
    cliPlugins: resolve(CLI_PLUGINS_DIR ?? '/usr/local/lib/docker/cli-plugins')
  }
}
