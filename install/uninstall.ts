import {
  findPlugin,
  Refusal,
  refuseWhileInUse,
  removePlugin,
  runScript,
  sourceOf,
  volumesOfPlugin
} from './engine.ts'
import { removeFiles } from './files.ts'
import { readPlaces } from './places.ts'
import { purge, refuseWhileOpen } from './purge.ts'

/*
 * Takes plugin and CLI out of the user's Engine. Boxes and key stay where they are; PURGE=1 deletes them for
 * ever, and refuses to as long as there are volumes that show them, or a daemon that has them open.
 */
runScript('uninstall', () => {
  const purging = process.env['PURGE'] === '1'
  const plugin = findPlugin()
  const places = readPlaces(process.env)
  const data = sourceOf(plugin, 'data') ?? places.DATA_DIR
  const key = sourceOf(plugin, 'key') ?? places.KEY_DIR

  if (purging && plugin?.Enabled !== true) refuseWhileOpen(data)
  if (plugin !== null) {
    refuseWhileInUse('uninstall the plugin')
    const volumes = volumesOfPlugin()
    if (purging && volumes.length > 0) {
      throw new Refusal(
        `cannot purge: there are volumes of the plugin: ${volumes.join(', ')}`,
        `remove them first: docker volume rm ${volumes.join(' ')}`
      )
    }
    removePlugin(plugin)
  }
  removeFiles(places, data)
  console.log(plugin === null ? 'the plugin was not installed' : 'uninstalled the plugin')
  const left = purging ? purge(data, key) : []
  const fate = purging ? 'deleted' : 'still there (PURGE=1 deletes them)'
  console.log(`boxes in ${data} and key in ${key}: ${fate}`)
  if (left.length > 0) console.log(`left, because it is not secretbox's: ${left.join(' ')}`)
})
