import { ensureDir } from 'fs-extra/esm'
import { copyFile, link, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { projectRoot } from '../../../rootfs-build/bundle.ts'
import { node } from '../../../rootfs-build/packages.ts'
import { errnoOf } from '../../../src/base/errors.ts'
import { builtPlugins, nodeInPlugin } from '../built.ts'
import { runCommand } from './command.ts'
import type { Engine } from './engine.ts'

/** The built plugin directory, as users have it. */
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

/** Puts Node into the plugins that an Engine got without it, from `builtPlugins`. */
export async function putNode({ dataRoot }: Pick<Engine, 'dataRoot'>): Promise<void> {
  const plugins = join(dataRoot, 'plugins')
  for (const id of (await readdir(plugins)).filter(name => /^[0-9a-f]{64}$/.test(name))) {
    try {
      await link(node, join(plugins, id, nodeInPlugin))
    } catch (error) {
      // The Engine's files may lie on another disk; one that was created whole has it.
      if (errnoOf(error) === 'EXDEV') await copyFile(node, join(plugins, id, nodeInPlugin))
      else if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
}

/** A directory with a `docker` that puts Node, too, into the plugin which it creates. */
export async function dockerThatPutsNode({ root, dataRoot }: Engine): Promise<string> {
  const directory = join(root, 'bin')
  const docker = (await runCommand('sh', ['-c', 'command -v docker'])).trim()
  const script = `#!/bin/sh
${docker} "$@" || exit
[ "$1 $2" = 'plugin create' ] || exit 0
for bin in ${dataRoot}/plugins/*/${dirname(nodeInPlugin)}; do
  [ -e "$bin/node" ] || ln ${node} "$bin" || cp ${node} "$bin"
done
`
  await mkdir(directory)
  await writeFile(join(directory, 'docker'), script, { mode: 0o755 })
  return directory
}

/** Creates the plugin, from one of `builtPlugins` or whole, sets it up for this Engine (`settings` come last) and enables it. */
export async function installPlugin(
  engine: Engine,
  settings: readonly string[] = [],
  plugin: string = builtPlugins.plain
): Promise<void> {
  await engine.docker(['plugin', 'create', 'secretbox', plugin])
  await putNode(engine)
  await engine.docker(['plugin', 'set', 'secretbox', ...pluginSettings(engine), ...settings])
  await engine.docker(['plugin', 'enable', 'secretbox'])
}

/** Puts the built CLI among the plugins of this Engine's client: `engine.docker(['vault', …])` runs it. */
export async function linkCli(engine: Engine): Promise<void> {
  const directory = join(engine.root, 'docker-config/cli-plugins')
  await ensureDir(directory)
  await symlink(builtCli, join(directory, 'docker-vault'))
}
