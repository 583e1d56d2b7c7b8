import { ensureDirSync } from 'fs-extra/esm'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pluginName } from '../src/base/default-paths.ts'
import { engineSocket, findPlugin, Refusal, refuseWhileInUse, runScript, sourceOf } from './engine.ts'
import { putFiles, refuseForeignFiles, refuseSharedPlaces } from './files.ts'
import { readPlaces } from './places.ts'
import { putPlugin, replacePlugin } from './put-plugin.ts'
import { firstSettings, partFor, settingsOf } from './settings.ts'

const built = join(import.meta.dirname, '../build')

/*
 * Puts the built plugin and CLI into the user's Engine. Where an older one is installed it is replaced: its
 * settings are kept, and boxes, key and volumes lie outside of it anyway.
 */
runScript('install', () => {
  for (const product of ['plugin/config.json', 'cli/docker-vault']) {
    if (existsSync(join(built, product))) continue
    throw new Refusal(`build/${product} is missing`, 'build it first: make plugin cli')
  }
  const plugin = join(built, 'plugin')
  const places = readPlaces(process.env)
  const { DATA_DIR, KEY_DIR } = places
  refuseForeignFiles(places)
  refuseSharedPlaces(places)
  const socket = engineSocket()
  const old = findPlugin()
  if (old === null) {
    for (const directory of [DATA_DIR, KEY_DIR]) ensureDirSync(directory, 0o700)
    putPlugin(plugin, firstSettings(places, socket))
  } else {
    refuseWhileInUse('upgrade the plugin')
    const { known, unknown } = partFor(join(plugin, 'config.json'), settingsOf(old))
    console.log(`keeping its settings: ${[...known.sources, ...known.variables].join(' ')}`)
    if (unknown.length > 0) console.log(`dropping what this release cannot set: ${unknown.join(' ')}`)
    replacePlugin(old, plugin, known)
  }
  putFilesBeside(() => putFiles(places, sourceOf(old, 'data') ?? DATA_DIR))

  const where = `in the Engine at ${socket}`
  if (old !== null) {
    console.log(`upgraded the plugin "${pluginName}" ${where}, and "docker vault"`)
    return
  }
  console.log(`installed the plugin "${pluginName}" ${where}, and "docker vault". Now try:

  docker vault create db
  docker vault put --generate db:password
  docker run --rm --mount type=volume,volume-driver=${pluginName},src=db,dst=/run/vault/db debian ls -l /run/vault/db
`)
})

/** Runs `put` with the plugin in place already, and says so when it fails. */
function putFilesBeside(put: () => void): void {
  try {
    put()
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    throw new Refusal(
      `the plugin is installed and runs, but "docker vault" is not in place: ${error.message}`,
      'when that is mended, or with CLI_PLUGINS_DIR, BIN_DIR and so on elsewhere: make install'
    )
  }
}
