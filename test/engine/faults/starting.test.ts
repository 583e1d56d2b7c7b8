import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectEngine, type EngineEvent } from '../../../src/engine/engine.ts'
import { testImage } from '../../kit/engine/image.ts'
import { fillBox, sampleFiles } from '../../kit/engine/boxes.ts'
import { startRig, type Rig } from '../../kit/engine/rig.ts'

let rig: Rig

beforeAll(async () => {
  rig = await startRig()
  await fillBox(rig.adminSocket, 'db', sampleFiles())
  await rig.engine.docker(['volume', 'create', '--driver', 'secretbox', 'db'])
})
afterAll(() => rig.end())

/** Creates a container of the volume; gives its id. */
async function create(name: string): Promise<string> {
  const mount = ['--mount', 'type=volume,volume-driver=secretbox,src=db,dst=/secrets,volume-nocopy']
  const options = ['--name', name, '--stop-signal', 'KILL', ...mount]
  return (await rig.engine.docker(['create', ...options, testImage, 'sleep', '86400'])).trim()
}

test('while a Mount waits, the container that starts is listed and locked, others of the volume answer, and its mount is told of before its start', async () => {
  const engine = connectEngine(rig.engine.socket)
  const events: EngineEvent[] = []
  const [ending, opened] = [new AbortController(), Promise.withResolvers<undefined>()]
  const started = Promise.withResolvers<undefined>()
  const following = engine.follow(
    event => {
      events.push(event)
      if (event.kind === 'container' && event.action === 'start') started.resolve(undefined)
    },
    () => opened.resolve(undefined),
    ending.signal
  )
  await opened.promise
  const [web, other] = [await create('web'), await create('other')]
  const [image] = (await rig.engine.docker(['inspect', '--format', '{{.Image}}', 'web'])).trim().split('\n')

  await rig.orders.give('mount.begun', 'wait')
  const start = rig.engine.docker(['start', 'web'])
  await rig.orders.reached('mount.begun', start)
  const listed = await engine.containers('db')
  expect(listed.map(({ id, name, state }) => ({ id, name, state }))).toEqual(
    expect.arrayContaining([
      { id: web, name: 'web', state: 'created' },
      { id: other, name: 'other', state: 'created' }
    ])
  )
  expect(listed.find(({ id }) => id === web)).toMatchObject({ image: testImage, imageId: image })
  expect(await engine.isLocked(other, 5000)).toBe(false)
  expect(await engine.isLocked(web, 1000)).toBe(true)
  // The image can be asked about, too.
  expect(await engine.image(image ?? '', null)).toMatchObject({ repoDigests: [] })
  await rig.orders.release('mount.begun')
  await start

  await started.promise
  const told = events.filter(event => event.containerId === web).map(({ kind }) => kind)
  expect(told).toEqual(['mount', 'container'])
  expect(events[0]).toMatchObject({ kind: 'mount', volume: 'db', containerId: web })
  await engine.kill(web)
  expect((await engine.containers('db')).map(({ state }) => state).sort()).toEqual(['created', 'exited'])
  ending.abort()
  await following
})
