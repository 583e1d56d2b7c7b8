import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  docker,
  engineSocket,
  findPlugin,
  pluginName,
  Refusal,
  refuseWhileInUse,
  removePlugin,
  runScript,
  sourceOf,
  type InstalledPlugin
} from './engine.ts'
import { putFiles, refuseForeignFiles } from './files.ts'
import { readPlaces } from './places.ts'

const built = join(import.meta.dirname, '../build')

/*
 * Puts the built plugin and CLI into the user's Engine. Where an older one is installed it is replaced: its
 * settings are kept, and boxes, key and volumes lie outside of it anyway.
 */
runScript('install', () => {
  for (const product of ['plugin/config.json', 'docker-vault']) {
    if (existsSync(join(built, product))) continue
    throw new Refusal(`build/${product} is missing`, 'build it first: make plugin cli')
  }
  const places = readPlaces(process.env)
  const { DATA_DIR, KEY_DIR } = places
  const socket = engineSocket()
  const old = findPlugin()
  const settings =
    old === null
      ? [`data.source=${DATA_DIR}`, `key.source=${KEY_DIR}`, `docker.source=${socket}`]
      : settingsOf(old)
  refuseForeignFiles(places)
  if (old === null) {
    for (const directory of [DATA_DIR, KEY_DIR]) mkdirSync(directory, { recursive: true, mode: 0o700 })
  } else {
    refuseWhileInUse('upgrade the plugin')
    console.log(`keeping its settings: ${settings.join(' ')}`)
    removePlugin(old)
  }
  docker('plugin', 'create', pluginName, join(built, 'plugin'))
  docker('plugin', 'set', pluginName, ...settings)
  docker('plugin', 'enable', pluginName)

  putFiles(places, sourceOf(old, 'data') ?? DATA_DIR)

  const where = `in the Engine at ${socket}`
  if (old !== null) {
    console.log(`upgraded the plugin "${pluginName}" ${where}, and "docker vault"`)
    return
  }
  console.log(`installed the plugin "${pluginName}" ${where}, and "docker vault". Now try:

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
