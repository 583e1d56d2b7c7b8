import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { inject } from 'vitest'
import { engineAt, type Engine } from './engine.ts'
import { askJson } from './admin.ts'
import { callEngine } from './call-engine.ts'
import { testImage } from './image.ts'
import { mountsBelow } from './leftovers.ts'

/** The Engine that all test files share, with the plugin enabled and `docker vault` in its client. */
export function sharedEngine(): Engine {
  return engineAt(inject('engineRoot'))
}

/** A name that no other test uses. */
export function freshName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`
}

/** Makes a new box of files (path → contents), by the admin API: a `docker vault` for each would take a second. */
export async function makeBox(
  { pluginData }: Pick<Engine, 'pluginData'>,
  box: string,
  files: Record<string, string>
): Promise<void> {
  await askJson(join(pluginData, 'admin.sock'), 'PUT', `/vault/${encodeURIComponent(box)}/`)
  await putFiles({ pluginData }, box, files)
}

/** Puts files into a box, one version each. */
export async function putFiles(
  { pluginData }: Pick<Engine, 'pluginData'>,
  box: string,
  files: Record<string, string>
): Promise<void> {
  for (const [path, contents] of Object.entries(files)) {
    const url = [box, ...path.split('/')].map(encodeURIComponent).join('/')
    await askJson(join(pluginData, 'admin.sock'), 'PUT', `/vault/${url}`, contents)
  }
}

/** The arguments that mount the volume named `volume` (anonymous without one) of the plugin at /secrets. */
export function mountArgument(options: { volume?: string } & Record<string, string>): string[] {
  const { volume, ...driverOptions } = options
  const fields = ['type=volume', 'volume-driver=secretbox', 'dst=/secrets']
  if (volume !== undefined) fields.push(`src=${volume}`)
  for (const [name, value] of Object.entries(driverOptions)) fields.push(`volume-opt=${name}=${value}`)
  return ['--mount', fields.join(',')]
}

/** Runs a shell script in a new container that is removed afterwards; gives its standard output. */
export function runScript(engine: Engine, dockerArgs: readonly string[], script: string): Promise<string> {
  return engine.docker(['run', '--rm', ...dockerArgs, testImage, 'sh', '-c', script])
}

/** Starts a container that lives until it is stopped; gives its name. */
export async function startContainer(engine: Engine, dockerArgs: readonly string[]): Promise<string> {
  const name = freshName('container')
  await engine.docker([
    'run',
    '--detach',
    '--name',
    name,
    '--stop-signal',
    'KILL',
    ...dockerArgs,
    testImage,
    'sleep',
    '86400'
  ])
  return name
}

/** Removes all containers that there are, with their anonymous volumes. */
export async function removeContainers(engine: Engine): Promise<void> {
  for (const { Id } of await callEngine<{ Id: string }[]>(engine, 'GET', '/containers/json?all=1'))
    await callEngine(engine, 'DELETE', `/containers/${Id}?force=1&v=1`)
}

/** The copies that are mounted below the Engine's data root, as mount points on the host. */
export async function liveCopies(engine: Engine): Promise<string[]> {
  const points = await mountsBelow(`${engine.dataRoot}/plugins`)
  // Propagation shows one mount at one point more than once.
  return [...new Set(points)].filter(point => /\/propagated-mount\/./.test(point))
}
