import { readJsonSync } from 'fs-extra/esm'
import type { InstalledPlugin } from './engine.ts'
import type { Places } from './places.ts'

/** What is set about a plugin, in the form that `docker plugin set` takes. */
export interface PluginSettings {
  /** Where the mounts come from, as `data.source=/var/lib/secretbox`. */
  readonly sources: readonly string[]
  /** Variables that somebody set, as `LOG_LEVEL=warn`; the others are what the release has for them. */
  readonly variables: readonly string[]
}

/** The settings of a first installation. */
export function firstSettings(places: Places, socket: string): PluginSettings {
  const { DATA_DIR, KEY_DIR } = places
  return {
    sources: [`data.source=${DATA_DIR}`, `key.source=${KEY_DIR}`, `docker.source=${socket}`],
    variables: []
  }
}

/** The settings of an installed plugin. */
export function settingsOf({ Config, Settings }: InstalledPlugin): PluginSettings {
  const initial = new Set(Config.Env.map(({ Name, Value }) => `${Name}=${Value ?? ''}`))
  return {
    sources: Settings.Mounts.map(({ Name, Source }) => `${Name}.source=${Source}`),
    variables: Settings.Env.filter(line => !initial.has(line))
  }
}

/** What a plugin's config.json says of settings. */
interface Settable {
  readonly env: readonly { readonly name: string; readonly settable?: readonly string[] }[]
  readonly mounts: readonly { readonly name: string; readonly settable?: readonly string[] }[]
}

/** Parts settings into those that a release can set, as its config.json says, and those that it cannot. */
export function partFor(
  configFile: string,
  settings: PluginSettings
): { known: PluginSettings; unknown: readonly string[] } {
  const { env, mounts } = readJsonSync(configFile) as Settable
  const settable = new Set(
    [...env, ...mounts].filter(item => (item.settable ?? []).length > 0).map(({ name }) => name)
  )
  const isKnown = (line: string): boolean => settable.has(line.split(/[.=]/, 1)[0] ?? '')
  return {
    known: {
      sources: settings.sources.filter(isKnown),
      variables: settings.variables.filter(isKnown)
    },
    unknown: [...settings.sources, ...settings.variables].filter(line => !isKnown(line))
  }
}
