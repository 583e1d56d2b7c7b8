import { readlinkSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  findPlugin,
  places,
  Refusal,
  refuseWhileInUse,
  removePlugin,
  runScript,
  volumesOfPlugin
} from './engine.ts'

/*
 * Takes plugin and CLI out of the user's Engine. Boxes and key stay where they are; PURGE=1 deletes them for
 * ever, and refuses to as long as there are volumes that show them.
 */
runScript(() => {
  const purge = process.env['PURGE'] === '1'
  const plugin = findPlugin()
  const place = places()
  const sourceOf = (name: 'data' | 'key'): string =>
    plugin?.Settings.Mounts.find(mount => mount.Name === name)?.Source ?? place[name]
  const directories = [sourceOf('data'), sourceOf('key')]

  if (plugin !== null) {
    refuseWhileInUse('uninstall the plugin')
    const volumes = volumesOfPlugin()
    if (purge && volumes.length > 0) {
      throw new Refusal(
        `cannot purge: there are volumes of the plugin: ${volumes.join(', ')}`,
        `remove them first: docker volume rm ${volumes.join(' ')}`
      )
    }
    removePlugin(plugin)
  }
  const link = join(place.cliPlugins, 'docker-vault')
  if (pointsHere(link)) unlinkSync(link)
  console.log(plugin === null ? 'the plugin was not installed' : 'uninstalled the plugin')
  if (purge) for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  const fate = purge ? 'deleted' : 'still there (PURGE=1 deletes them)'
  console.log(`boxes in ${directories[0] ?? ''} and key in ${directories[1] ?? ''}: ${fate}`)
})

function pointsHere(link: string): boolean {
  try {
    return readlinkSync(link) === join(import.meta.dirname, '../build/docker-vault')
  } catch {
    return false
  }
}
