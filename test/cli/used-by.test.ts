import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { usesOf } from '../../src/cli/commands/used-by.ts'
import { done } from '../kit/run-program.ts'
import { useCli } from '../kit/use-cli.ts'

// Without an Engine, what nobody holds is wiped after a while.
const { run, daemon } = useCli({ GRACE_SECONDS: '86400' })

/** Calls the volume driver as the Engine does. */
function drive(call: string, body: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: `${daemon().directory}/plugin.sock`,
      method: 'POST',
      path: `/VolumeDriver.${call}`
    })
    sent.once('error', reject)
    sent.once('response', answer => {
      answer.resume()
      answer.once('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${call} failed`))))
    })
    sent.end(JSON.stringify(body))
  })
}

const mount = { Name: 'volume', ID: 'a'.repeat(64) }
beforeAll(async () => {
  await run(['create', 'box', 'idle'])
  await drive('Create', { Name: 'volume', Opts: { box: 'box' } })
  await drive('Mount', mount)
})
afterAll(async () => {
  await drive('Unmount', mount)
})

test('used-by shows which version a copy has, and whether a newer one is there', async () => {
  const format = '{{.Box}} {{.Version}} {{.Newest}} {{.Behind}} {{.State}} {{.Volume}} {{.Mount}}'
  expect(await run(['used-by', '-f', format])).toMatchObject(
    done(`box 1 1 false running volume ${mount.ID}\n`)
  )
  await run(['put', 'box', 'pw'], { input: 'x' })
  expect(await run(['used-by', '-f', format, 'box'])).toMatchObject(
    done(`box 1 2 true running volume ${mount.ID}\n`)
  )
  expect(await run(['used-by', 'box'])).toMatchObject(
    done(
      'BOX   CONTAINER   VERSION   NEWEST   BEHIND   STATE     IMAGE\n' +
        'box   -           1         2        yes      running   -\n'
    )
  )
  expect(await run(['used-by', '-f', '{{.Box}}', 'idle'])).toMatchObject(done(''))
  // Nobody knows which container it is.
  expect(await run(['used-by', '-q'])).toMatchObject(done(''))
})

test('a pinned version is told from one that a restart would renew, and a long name is cut', async () => {
  const anonymous = 'e'.repeat(64)
  const pinned = { Name: anonymous, ID: 'd'.repeat(64) }
  await drive('Create', { Name: anonymous, Opts: { box: 'box', version: '1' } })
  await drive('Mount', pinned)
  const format = 'table {{.Version}}\t{{.Newest}}\t{{.Behind}}\t{{.Volume}}'
  const row = (volume: string): RegExp => new RegExp(`^1 {9}2 {8}pinned {3}${volume}$`, 'm')
  expect((await run(['used-by', '-f', format, 'box'])).stdout).toMatch(row('e{12}'))
  expect((await run(['used-by', '--no-trunc', '-f', format, 'box'])).stdout).toMatch(row('e{64}'))
  expect((await run(['used-by', '-f', '{{.Behind}} {{.Pinned}} {{.Volume}}', 'box'])).stdout).toContain(
    `true true ${anonymous}\n`
  )
  // A restart would bring nothing new: it is not among those that are to be restarted.
  expect((await run(['used-by', '--behind', '-f', '{{.Volume}} {{.Pinned}}', 'box'])).stdout).toBe(
    'volume false\n'
  )
  expect(await run(['used-by', '--behind', 'idle', '-f', '{{.Box}}'])).toMatchObject(done())
  await drive('Unmount', pinned)
})

test('a destroyed box is still shown while it is in use; one that never was is an error', async () => {
  await run(['create', 'doomed'])
  await drive('Create', { Name: 'doomed' })
  await drive('Mount', { Name: 'doomed', ID: 'b'.repeat(64) })
  await run(['destroy', '--force', 'doomed'])
  expect(await run(['used-by', 'never', 'doomed'])).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/\ndoomed {3}- {11}1 {9}- {8}yes /) as string,
    stderr: 'error: no such box "never"\nhint: docker vault list --boxes shows those that there are\n'
  })
  await drive('Unmount', { Name: 'doomed', ID: 'b'.repeat(64) })
})

test('reconcile tells of each copy whether it is held, and changes nothing by itself', async () => {
  const { code, stdout } = await run(['reconcile'])
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^MOUNT +VOLUME +ACTION +REASON\n${'a'.repeat(12)} +volume +keep +\\S`))
  expect(await run(['reconcile', '-f', '{{.Mount}} {{.Action}}'])).toMatchObject(done(`${mount.ID} keep\n`))
  expect((await run(['reconcile', '--no-trunc'])).stdout).toContain(`${mount.ID}   volume`)
})

const container = { id: 'c'.repeat(64), name: 'web', image: 'nginx' }
const created = '2026-01-01T00:00:00Z'
const options = {
  ...{
    box: 'box',
    version: null,
    path: '',
    file: false,
    uid: 0,
    gid: 0,
    mode: null,
    dirmode: null,
    rw: false,
    size: null
  },
  ...{ optional: false, ephemeral: false, transient: false, api: false }
}

test('running containers come with their copy, stopped ones without', () => {
  const volume = {
    name: 'v',
    options,
    created,
    copies: [
      { mount: 'm', box: 'box', version: 3, created, container },
      { mount: 'n', box: 'box', version: 4, created, container: null }
    ],
    containers: [
      { ...container, state: 'paused' },
      { id: 'd', name: 'old', image: 'busybox', state: 'exited' }
    ]
  }
  const rows = usesOf(volume, new Map([['box', 4]]))
  expect(rows.map(({ Container, Version, Behind, State }) => [Container, Version, Behind, State])).toEqual([
    ['web', 3, true, 'paused'],
    [null, 4, false, 'running'],
    ['old', null, false, 'exited']
  ])
})

test('the empty copy of a box that is still missing is not behind', () => {
  const volume = {
    name: 'v',
    options,
    created,
    copies: [{ mount: 'm', box: 'box', version: null, created, container: null }],
    containers: []
  }
  expect(usesOf(volume, new Map())).toMatchObject([{ Version: null, Newest: null, Behind: false }])
  expect(usesOf(volume, new Map([['box', 1]]))).toMatchObject([{ Version: null, Newest: 1, Behind: true }])
})
