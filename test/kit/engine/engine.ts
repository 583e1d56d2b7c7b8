import { join } from 'node:path'
import { runCommand, tryCommand, type CommandOptions, type Finished } from './command.ts'

/** An Engine that runs, and where its things lie. Everything here follows from `root`. */
export interface Engine {
  readonly root: string
  /** The Engine's API socket. */
  readonly socket: string
  /** `--data-root`: images, containers, plugins. */
  readonly dataRoot: string
  /** dockerd's log, which holds the plugin's log lines too. */
  readonly log: string
  /** The plugin's `data` and `key` mounts on the host. */
  readonly pluginData: string
  readonly pluginKey: string
  /** The environment in which `docker` and `docker-compose` talk to this Engine and to no other. */
  readonly env: NodeJS.ProcessEnv
  /** Runs `docker`; gives its standard output. Throws with its standard error unless it exits with 0. */
  docker(args: readonly string[], options?: CommandOptions): Promise<string>
  /** Runs `docker` and never throws for its exit code. */
  tryDocker(args: readonly string[], options?: CommandOptions): Promise<Finished>
}

/** The Engine that lives below `root`; starts nothing. */
export function engineAt(root: string): Engine {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DOCKER_HOST: `unix://${root}/docker.sock`,
    DOCKER_CONFIG: join(root, 'docker-config'),
    DOCKER_CONTEXT: undefined
  }
  return {
    root,
    socket: join(root, 'docker.sock'),
    dataRoot: join(root, 'data'),
    log: join(root, 'dockerd.log'),
    pluginData: join(root, 'plugin-data'),
    pluginKey: join(root, 'plugin-key'),
    env,
    docker: (args, options) => runCommand('docker', args, { ...options, env: { ...env, ...options?.env } }),
    tryDocker: (args, options) => tryCommand('docker', args, { ...options, env: { ...env, ...options?.env } })
  }
}
