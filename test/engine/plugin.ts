import type { Engine } from './engine.ts'

/** The settings that keep the plugin's files below the Engine's own root. */
export function pluginSettings(engine: Engine): string[] {
  return [
    `data.source=${engine.pluginData}`,
    `key.source=${engine.pluginKey}`,
    `docker.source=${engine.socket}`
  ]
}

/** Creates the plugin from a built directory, sets it up for this Engine (`settings` come last) and enables it. */
export async function installPlugin(
  engine: Engine,
  pluginDir: string,
  options: { name?: string; settings?: readonly string[] } = {}
): Promise<void> {
  const name = options.name ?? 'secretbox'
  await engine.docker(['plugin', 'create', name, pluginDir])
  await engine.docker(['plugin', 'set', name, ...pluginSettings(engine), ...(options.settings ?? [])])
  await engine.docker(['plugin', 'enable', name])
}
