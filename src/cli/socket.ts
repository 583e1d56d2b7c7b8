import { join } from 'node:path'
import { askEngine, findEngineSocket } from './engine.ts'
import { OutOfReach } from './failure.ts'
import type { EngineChoice } from './invocation.ts'

const pluginName = 'secretbox'
const dataMount = 'data'
const defaultDataDir = '/var/lib/secretbox'

/** What the Engine says of a plugin (`GET /plugins/{name}/json`), as far as it is read here. */
interface Plugin {
  readonly Enabled: boolean
  readonly Settings: {
    readonly Mounts: readonly { readonly Name: string; readonly Source: string | null }[] | null
  }
}

/**
 * Finds the daemon's admin socket: `SECRETBOX_SOCKET`; else `admin.sock` in the data directory that the
 * Engine's plugin was set to; else in the default one. Throws `OutOfReach` for a plugin that is disabled.
 */
export async function findAdminSocket(env: NodeJS.ProcessEnv, given: EngineChoice): Promise<string> {
  if (env['SECRETBOX_SOCKET']) return env['SECRETBOX_SOCKET']
  const plugin = await findPlugin(await findEngineSocket(env, given))
  if (plugin !== null && !plugin.Enabled) {
    throw new OutOfReach(
      `the plugin "${pluginName}" is disabled`,
      `enable it: docker plugin enable ${pluginName}`
    )
  }
  const source = plugin?.Settings.Mounts?.find(mount => mount.Name === dataMount)?.Source
  return join(source ?? defaultDataDir, 'admin.sock')
}

// Without an Engine there may still be a daemon of its own, under systemd.
async function findPlugin(engineSocket: string): Promise<Plugin | null> {
  try {
    return await askEngine<Plugin>(engineSocket, `/plugins/${pluginName}/json`)
  } catch {
    return null
  }
}
