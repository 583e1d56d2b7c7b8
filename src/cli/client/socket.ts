import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { adminSocketName, launcherName, publicSocketName } from '../../base/default-paths.ts'
import { quote } from '../../base/errors.ts'
import { badSettings, type BadSetting } from '../../settings.ts'
import { askEngine, findEngine, type FoundEngine } from './engine.ts'
import { Distrusted, OutOfReach } from '../output/failure.ts'
import type { EngineChoice } from './invocation.ts'
import { splitAt } from '../input/split-at.ts'
import { whyUntrustedIfSeen } from '../input/trusted-path.ts'

const pluginName = 'secretbox'
const dataMount = 'data'
const defaultDataDir = '/var/lib/secretbox'

/** What the Engine says of a plugin (`GET /plugins/{name}/json`), as far as it is read here. */
const Plugin = z.object({
  Enabled: z.boolean(),
  Settings: z.object({
    /** `NAME=VALUE` each. */
    Env: z.nullish(z.array(z.string())),
    Mounts: z.nullish(z.array(z.object({ Name: z.string(), Source: z.nullish(z.string()) })))
  })
})
type Plugin = z.output<typeof Plugin>

/** Which of its sockets is for this user: root's own, or that for all. */
function socketName(): string {
  return process.geteuid?.() === 0 ? adminSocketName : publicSocketName
}

/** Where the daemon should listen, and what to do when it does not. */
export interface AdminSocket {
  readonly path: string
  readonly hint: string
}

/**
 * Finds the daemon's socket for this user: `SECRETBOX_SOCKET`; else `admin.sock`, or `public.sock` for who is not root, in the data directory that the
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
  const bad = badSettings(settingsOf(plugin))
  if (!plugin.Enabled) throw disabled(bad)
  const source = plugin.Settings.Mounts?.find(mount => mount.Name === dataMount)?.Source
  return {
    path: join(source ?? defaultDataDir, socketName()),
    hint:
      bad.length > 0
        ? `its daemon cannot start with a ${messagesOf(bad)}; docker plugin disable -f ${pluginName}, then ${remedyOf(bad)}`
        : "the plugin is enabled; what its daemon says is in the Engine's log: journalctl -u docker | grep plugin="
  }
}

/**
 * Where the daemon has put the launcher, as the Engine finds it on the host. It becomes the first process of containers, and has
 * their variables: it must be nobody's but root's and the user's own, wherever a socket that is named may lie. Throws
 * `Distrusted`, and what `findAdminSocket` throws.
 */
export async function findLauncher(env: NodeJS.ProcessEnv, given: EngineChoice): Promise<string> {
  const path = join(dirname((await findAdminSocket(env, given)).path), launcherName)
  const reason = whyUntrustedIfSeen(path)
  if (reason !== null)
    throw new Distrusted(
      `will not run the launcher ${quote(path)} in a container: ${reason}`,
      'it lies beside the socket; where does SECRETBOX_SOCKET lead?'
    )
  return path
}

function settingsOf({ Settings }: Plugin): Record<string, string> {
  return Object.fromEntries((Settings.Env ?? []).map(text => splitAt(text, text.indexOf('='))))
}

/** What keeps a disabled plugin from its work: its settings, if they would end its daemon at once. */
function disabled(bad: readonly BadSetting[]): OutOfReach {
  return bad.length === 0
    ? new OutOfReach(
        `the plugin "${pluginName}" is disabled`,
        `enable it: docker plugin enable ${pluginName}`
      )
    : new OutOfReach(
        `the plugin "${pluginName}" is disabled, and its daemon cannot start with a ${messagesOf(bad)}`,
        remedyOf(bad)
      )
}

function messagesOf(bad: readonly BadSetting[]): string {
  return bad.map(({ message }) => message).join(', and a ')
}

/** Commands that put settings right; the defaults are right. */
function remedyOf(bad: readonly BadSetting[]): string {
  const settings = bad.map(({ name, usual }) => `${name}=${usual}`).join(' ')
  return `docker plugin set ${pluginName} ${settings} (the default), then docker plugin enable ${pluginName}`
}

function usual(hint: string): AdminSocket {
  return { path: join(defaultDataDir, socketName()), hint }
}

/** The plugin; null when the Engine has none; why nobody answers at the usual Engine, where perhaps there is none. */
async function findPlugin({ socket, chosenBy }: FoundEngine): Promise<Plugin | OutOfReach | null> {
  try {
    return await askEngine(socket, `/plugins/${pluginName}/json`, Plugin)
  } catch (error) {
    if (!(error instanceof OutOfReach) || error instanceof Distrusted) throw error
    // Who may not ask the Engine may ask the vault all the same.
    const isNoMatter = process.geteuid?.() !== 0 || !error.forbidden
    if (chosenBy === null && isNoMatter && !error.wasAnswered) return error
    const whose = chosenBy === null ? '' : `${chosenBy} names it; `
    const hint = error.forbidden ? error.hint : `${whose}SECRETBOX_SOCKET does without an Engine`
    throw new OutOfReach(`cannot ask where the vault is: ${error.message}`, hint)
  }
}
