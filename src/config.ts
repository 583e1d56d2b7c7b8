import { dirname, join } from 'node:path'
import {
  adminSocketName,
  defaultPaths,
  launcherName,
  pathSetBy,
  publicSocketName
} from './base/default-paths.ts'
import { readSettings, type Settings } from './settings.ts'
import type { BoxLimits } from './vault/boxes/versions.ts'

/** Where the daemon's things lie and what it allows. */
export interface Config extends Pick<Settings, 'logLevel'> {
  readonly dataDir: string
  readonly keyDir: string
  readonly copiesDir: string
  readonly pluginSocket: string
  readonly adminSocket: string
  /** The same API, for all who may do something. */
  readonly publicSocket: string
  /** Where containers get the launcher from. */
  readonly launcher: string
  /** The Engine's socket; it may be missing, and everything but names of containers works. */
  readonly dockerSocket: string
  readonly limits: BoxLimits & { readonly maxAuditEntries: number }
  /** Start containers that failed for want of a mount, once it can be served. */
  readonly startFailed: boolean
  /** How long to wait before wiping a copy that nobody holds when the Engine cannot be asked about it. */
  readonly graceMs: number
}

/** Reads the configuration from the environment. Throws `invalid` that names the setting and what it must be. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const { logLevel, startFailed, graceSeconds, ...limits } = readSettings(environment)
  const place = (name: string, usual: string): string => pathSetBy(environment, name, usual)
  const dataDir = place('DATA_DIR', defaultPaths.data)
  const adminSocket = place('ADMIN_SOCKET', join(dataDir, adminSocketName))
  return {
    dataDir,
    keyDir: place('KEY_DIR', defaultPaths.key),
    copiesDir: place('COPIES_DIR', defaultPaths.copies),
    pluginSocket: place('PLUGIN_SOCKET', defaultPaths.pluginSocket),
    adminSocket,
    launcher: join(dirname(adminSocket), launcherName),
    publicSocket: place('PUBLIC_SOCKET', join(dataDir, publicSocketName)),
    dockerSocket: place('DOCKER_SOCKET', defaultPaths.dockerSocket),
    logLevel,
    limits,
    startFailed,
    graceMs: graceSeconds * 1000
  }
}
