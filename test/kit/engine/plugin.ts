import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../../../rootfs-build/bundle.ts'
import type { Engine } from './engine.ts'

/** The built plugin directory. */
export const builtPlugin = join(projectRoot, 'build/plugin')
/** The built CLI. */
export const builtCli = join(projectRoot, 'build/docker-vault')

/** The settings that keep the plugin's files below the Engine's own root. */
export function pluginSettings(engine: Engine): string[] {
  return [
    `data.source=${engine.pluginData}`,
    `key.source=${engine.pluginKey}`,
    `docker.source=${engine.socket}`
  ]
}

/** Creates the plugin from `builtPlugin`, sets it up for this Engine (`settings` come last) and enables it. */
export async function installPlugin(engine: Engine, settings: readonly string[] = []): Promise<void> {
  await engine.docker(['plugin', 'create', 'secretbox', builtPlugin])
  await engine.docker(['plugin', 'set', 'secretbox', ...pluginSettings(engine), ...settings])
  await engine.docker(['plugin', 'enable', 'secretbox'])
}

/** Puts the built CLI among the plugins of this Engine's client: `engine.docker(['vault', …])` runs it. */
export async function linkCli(engine: Engine): Promise<void> {
  const directory = join(engine.root, 'docker-config/cli-plugins')
  await mkdir(directory, { recursive: true })
  await symlink(builtCli, join(directory, 'docker-vault'))
}
