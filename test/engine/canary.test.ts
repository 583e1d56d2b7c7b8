import { ensureDir, remove } from 'fs-extra/esm'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { importTestImage, testImage } from '../kit/engine/image.ts'
import { installPlugin, linkCli } from '../kit/engine/plugin.ts'
import { startPrivateEngine, type PrivateEngine } from '../kit/engine/private-engine.ts'
import { memoryHolds, pluginProcess } from '../kit/engine/processes.ts'
import { filesHolding, formsOf } from '../kit/engine/search.ts'
import { liveCopies, mountArgument, runScript, startContainer } from '../kit/engine/shared-engine.ts'

/** A random secret, as text so that it may go everywhere. */
const canary = randomBytes(24).toString('hex')
const canaryForms = formsOf(canary)
let engine: PrivateEngine
const outputs: Record<string, string> = {}

beforeAll(async () => {
  engine = await startPrivateEngine()
  await importTestImage(engine)
  await linkCli(engine)
  await installPlugin(engine, ['LOG_LEVEL=trace'])
  await sendCanaryThroughEverything()
})

afterAll(() => engine.stop())

/** Every way of a secret into a box, into containers and out again; what the Engine says meanwhile is kept. */
async function sendCanaryThroughEverything(): Promise<void> {
  const source = join(engine.root, 'canary-source')
  await ensureDir(join(source, 'deep/tree'))
  await writeFile(join(source, 'deep/tree/small'), canary)
  // Longer than what is kept inline, so that it goes through chunks.
  await writeFile(join(source, 'deep/large'), `${canary}\n`.repeat(60_000))
  await engine.docker(['vault', 'create', 'canary'])
  await engine.docker(['vault', 'put', 'canary', 'put'], { input: canary })
  await engine.docker(['vault', 'add', '--recursive', 'canary', 'deep'], { cwd: source })
  await remove(source)
  expect(await engine.docker(['vault', 'read', 'canary:put'])).toBe(canary)
  expect(await engine.docker(['vault', 'read', 'canary:deep/large'])).toContain(canary)
  outputs['docker vault list'] = await engine.docker(['vault', 'list'])
  outputs['docker vault inspect'] = await engine.docker(['vault', 'inspect', 'canary'])

  const mount = mountArgument({ volume: 'canary' })
  const container = await startContainer(engine, mount)
  const readAll = 'cat /secrets/put /secrets/deep/tree/small /secrets/deep/large'
  expect(await engine.docker(['exec', container, 'sh', '-c', readAll])).toContain(canary)
  await engine.docker(['commit', container, 'canary-image'])
  await engine.docker(['export', '--output', join(engine.root, 'data/export.tar'), container])
  await engine.docker(['save', '--output', join(engine.root, 'data/save.tar'), 'canary-image'])
  await engine.docker(['cp', `${container}:/secrets/put`, join(engine.root, 'copied-out')])
  await rm(join(engine.root, 'copied-out'))
  await engine.docker(['restart', container])
  outputs['docker inspect'] = await engine.docker(['inspect', container, 'canary-image', testImage])
  outputs['docker volume inspect'] = await engine.docker(['volume', 'inspect', 'canary'])
  outputs['docker history'] = await engine.docker(['history', '--no-trunc', 'canary-image'])
  outputs['docker diff'] = await engine.docker(['diff', container])
  await engine.docker(['rm', '--force', container])
  await runScript(
    engine,
    mountArgument({ box: 'canary', rw: 'true' }),
    'cp /secrets/put /secrets/again; cat /secrets/again >/dev/null'
  )
  await engine.tryDocker([
    'run',
    '--rm',
    ...mountArgument({ box: 'canary', version: '999' }),
    testImage,
    'true'
  ])
  await engine.docker(['vault', 'put', 'canary', 'put'], { input: 'changed' })
  await engine.docker(['vault', 'remove', '--recursive', 'canary', 'deep'])
  await engine.docker(['vault', 'destroy', 'canary'])
  outputs['docker events'] = await engine.docker([
    'events',
    '--since',
    '1h',
    '--until',
    '0s',
    '--format',
    '{{json .}}'
  ])
  outputs['docker plugin inspect'] = await engine.docker(['plugin', 'inspect', 'secretbox'])
}

const filesWithCanary = (root: string): Promise<string[]> => filesHolding(root, canaryForms)

test('the search finds a canary where there is one', async () => {
  const place = join(engine.root, 'canary-control')
  await mkdir(place)
  await writeFile(join(place, 'file'), `${'x'.repeat((4 << 20) - 20)}${canary}`)
  expect(await filesWithCanary(place)).toEqual([join(place, 'file')])
  await remove(place)
  expect(await memoryHolds(process.pid, canaryForms)).toBe(true)
})

test('no copy is left', async () => {
  expect(await liveCopies(engine)).toEqual([])
})

test("the canary is nowhere in the Engine's data, with images, containers, an export and a save among it", async () => {
  expect(await filesWithCanary(engine.dataRoot)).toEqual([])
})

test('the canary is nowhere in the store and key files', async () => {
  expect(await readdir(engine.pluginData)).not.toEqual([])
  expect(await filesWithCanary(engine.pluginData)).toEqual([])
  expect(await filesWithCanary(engine.pluginKey)).toEqual([])
})

test('the canary is nowhere in the logs of plugin and Engine, at level trace', async () => {
  const log = await readFile(engine.log, 'utf8')
  expect(log).toMatch(/plugin=[0-9a-f]{64}/)
  expect(log).not.toContain(canary)
})

test('the canary is nowhere in what inspect, history, diff, events and docker vault say', () => {
  expect(outputs['docker events']).toContain('"Action":"mount"')
  for (const [command, output] of Object.entries(outputs)) {
    expect(output, command).not.toBe('')
    expect(output, command).not.toContain(canary)
  }
})

test("the canary is nowhere in the plugin's memory", async () => {
  expect(await memoryHolds(await pluginProcess(engine), canaryForms)).toBe(false)
})
