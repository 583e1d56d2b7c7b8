import { join } from 'node:path'
import { askEngine, findEngine, type FoundEngine } from './engine.ts'
import { Distrusted, OutOfReach } from './failure.ts'
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

/** Where the daemon should listen, and what to do when it does not. */
export interface AdminSocket {
  readonly path: string
  readonly hint: string
}

/**
 * Finds the daemon's admin socket: `SECRETBOX_SOCKET`; else `admin.sock` in the data directory that the
 * Engine's plugin was set to; else in the default one, for a daemon under systemd. Throws `OutOfReach` for a plugin
 * that is disabled, and for an Engine that the user chose, or may not ask, and that therefore cannot say.
 */
export async function findAdminSocket(env: NodeJS.ProcessEnv, given: EngineChoice): Promise<AdminSocket> {
  if (env['SECRETBOX_SOCKET'])
    return {
      path: env['SECRETBOX_SOCKET'],
      hint: 'SECRETBOX_SOCKET names it; is the daemon running that serves it?'
    }
  const engine = await findEngine(env, given)
  const plugin = await findPlugin(engine)
  if (plugin instanceof OutOfReach)
    return usual(`start docker, or the service: systemctl start secretbox; ${plugin.message}`)
  if (plugin === null) {
    const install = 'install it (make install), or start the service: systemctl start secretbox'
    return usual(`the Engine at "${engine.socket}" has no plugin "${pluginName}": ${install}`)
  }
  if (!plugin.Enabled) {
    throw new OutOfReach(
      `the plugin "${pluginName}" is disabled`,
      `enable it: docker plugin enable ${pluginName}`
    )
  }
  const source = plugin.Settings.Mounts?.find(mount => mount.Name === dataMount)?.Source
  return {
    path: join(source ?? defaultDataDir, 'admin.sock'),
    hint: "the plugin is enabled; what its daemon says is in the Engine's log: journalctl -u docker | grep plugin="
  }
}

function usual(hint: string): AdminSocket {
  return { path: join(defaultDataDir, 'admin.sock'), hint }
}

/** The plugin; null when the Engine has none; why there is no asking the usual Engine, where perhaps there is none. */
async function findPlugin({ socket, chosenBy }: FoundEngine): Promise<Plugin | OutOfReach | null> {
  try {
    return await askEngine<Plugin>(socket, `/plugins/${pluginName}/json`)
  } catch (error) {
    if (!(error instanceof OutOfReach) || error instanceof Distrusted) throw error
    if (chosenBy === null && !error.forbidden) return error
    const hint = error.forbidden
      ? error.hint
      : `${chosenBy ?? ''} names it; SECRETBOX_SOCKET does without an Engine`
    throw new OutOfReach(`cannot ask where the vault is: ${error.message}`, hint)
  }
}
