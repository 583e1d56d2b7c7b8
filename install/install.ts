import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  docker,
  findPlugin,
  places,
  pluginName,
  Refusal,
  refuseWhileInUse,
  removePlugin,
  runScript,
  type InstalledPlugin
} from './engine.ts'

const built = join(import.meta.dirname, '../build')

/*
 * Puts the built plugin and CLI into the user's Engine. Where an older one is installed it is replaced: its
 * settings are kept, and boxes, key and volumes lie outside of it anyway.
 */
runScript(() => {
  for (const product of ['plugin/config.json', 'docker-vault']) {
    if (existsSync(join(built, product))) continue
    throw new Refusal(`build/${product} is missing`, 'build it first: make plugin cli')
  }
  const { data, key, dockerSocket, cliPlugins } = places()
  if (!existsSync(dockerSocket)) {
    throw new Refusal(
      `no Engine's socket at "${dockerSocket}"`,
      'name it: make install DOCKER_SOCKET=/path/to/docker.sock'
    )
  }
  const old = findPlugin()
  const settings =
    old === null
      ? [`data.source=${data}`, `key.source=${key}`, `docker.source=${dockerSocket}`]
      : settingsOf(old)
  if (old === null) {
    for (const directory of [data, key]) mkdirSync(directory, { recursive: true, mode: 0o700 })
  } else {
    refuseWhileInUse('upgrade the plugin')
    console.log(`keeping its settings: ${settings.join(' ')}`)
    removePlugin(old)
  }
  docker('plugin', 'create', pluginName, join(built, 'plugin'))
  docker('plugin', 'set', pluginName, ...settings)
  docker('plugin', 'enable', pluginName)

  mkdirSync(cliPlugins, { recursive: true })
  const link = join(cliPlugins, 'docker-vault')
  rmSync(link, { force: true })
  symlinkSync(join(built, 'docker-vault'), link)

  console.log(`${old === null ? 'installed' : 'upgraded'} the plugin "${pluginName}" and ${link}. Now:

  docker vault create db
  docker vault put --generate db password
  docker run --rm --mount type=volume,volume-driver=${pluginName},src=db,dst=/run/vault/db debian ls -l /run/vault/db
`)
})

/** The settings of an installed plugin in the form that `docker plugin set` takes. */
function settingsOf({ Config, Settings }: InstalledPlugin): string[] {
  const settable = new Set(
    [...Config.Env, ...Config.Mounts].filter(item => (item.Settable ?? []).length > 0).map(item => item.Name)
  )
  return [
    ...Settings.Env.filter(line => settable.has(line.split('=', 1)[0] ?? '')),
    ...Settings.Mounts.filter(mount => settable.has(mount.Name)).map(
      mount => `${mount.Name}.source=${mount.Source}`
    )
  ]
}
