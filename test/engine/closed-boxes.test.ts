import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askJson } from '../kit/engine/admin.ts'
import { callEngine } from '../kit/engine/call-engine.ts'
import { testImage } from '../kit/engine/image.ts'
import { freshName, makeBox, removeContainers, sharedEngine } from '../kit/engine/shared-engine.ts'
import { eventually } from '../kit/eventually.ts'

/* What a real Engine makes of closed boxes. What is decided of what it says: test/copies/closed-boxes.test.ts. */

const engine = sharedEngine()
const admin = join(engine.pluginData, 'admin.sock')
const box = freshName('closed')
/** An image that is approved, by a name that another has later; and one that is another. */
const [approved, other] = [`${box}:1`, `${box}-other:1`]

interface Wanted {
  readonly image: string
  readonly volume?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly restart?: string
  readonly network?: string
}

const ids = new Map<string, string>()

async function create(
  name: string,
  { image, volume = box, labels = {}, restart = '', network = 'none' }: Wanted
): Promise<string> {
  const mount = { Type: 'volume', Source: volume, Target: '/secrets', VolumeOptions: { NoCopy: true } }
  const { Id } = await callEngine<{ Id: string }>(engine, 'POST', `/containers/create?name=${box}-${name}`, {
    ...{ Image: image, Cmd: ['sleep', '86400'], StopSignal: 'SIGKILL', Labels: labels },
    HostConfig: { NetworkMode: network, Mounts: [mount], RestartPolicy: { Name: restart } }
  })
  ids.set(name, Id)
  return Id
}

const start = (name: string): Promise<unknown> =>
  callEngine(engine, 'POST', `/containers/${ids.get(name) ?? ''}/start`)
const kill = async (name: string): Promise<unknown> => {
  await callEngine(engine, 'POST', `/containers/${ids.get(name) ?? ''}/kill`)
  return callEngine(engine, 'POST', `/containers/${ids.get(name) ?? ''}/wait`)
}
const grant = (subject: string): Promise<unknown> =>
  askJson(admin, 'POST', '/grants', JSON.stringify({ subject, boxes: box, rights: ['use'] }))

async function imageOf(name: string): Promise<string> {
  const url = `/containers/${ids.get(name) ?? ''}/json`
  return (await callEngine<{ Image: string }>(engine, 'GET', url)).Image
}

/** Its secret, as the container sees it; null while it does not run. */
async function secretIn(name: string): Promise<string | null> {
  const { State } = await callEngine<{ State: { Pid: number; Running: boolean } }>(
    engine,
    'GET',
    `/containers/${ids.get(name) ?? ''}/json`
  )
  return State.Running ? readFile(`/proc/${State.Pid}/root/secrets/password`, 'utf8') : null
}

/** Gives the plugin another socket for the Engine's. */
async function withSource(source: string): Promise<void> {
  await callEngine(engine, 'POST', '/plugins/secretbox/disable?force=1')
  await callEngine(engine, 'POST', '/plugins/secretbox/set', [`docker.source=${source}`])
  await callEngine(engine, 'POST', '/plugins/secretbox/enable?timeout=60')
}

beforeAll(async () => {
  await makeBox(engine, box, { password: 'hunter2' })
  await makeBox(engine, `${box}-open`, { password: 'hunter3' })
  for (const Name of [box, `${box}-open`])
    await callEngine(engine, 'POST', '/volumes/create', { Name, Driver: 'secretbox' })
  await callEngine(engine, 'POST', `/images/${testImage}/tag?repo=${box}&tag=1`)
})
afterAll(async () => {
  await removeContainers(engine)
  await withSource(engine.socket)
})

test('an approved image is shown the box, and no other, whatever it is called by then', async () => {
  const { Id } = await callEngine<{ Id: string }>(engine, 'GET', `/images/${approved}/json`)
  expect(await engine.docker(['vault', 'approve', box, approved])).toBe(`image:${Id}\n`)
  const good = await create('good', { image: approved })
  await start('good')
  expect(await secretIn('good')).toBe('hunter2')
  const changes = encodeURIComponent('LABEL tier=db')
  await callEngine(
    engine,
    'POST',
    `/commit?container=${good}&repo=${box}-other&tag=1&pause=0&changes=${changes}`
  )
  await create('bad', { image: other })
  await expect(start('bad')).rejects.toThrow(
    `container "${box}-bad" (image "${other}") may not use box "${box}"`
  )
  await callEngine(engine, 'POST', `/images/${other}/tag?repo=${box}&tag=1`)
  await create('swapped', { image: approved })
  await expect(start('swapped')).rejects.toThrow(`container "${box}-swapped" (image "${approved}")`)
  // Of the three of its volume it is the one that starts: the others are not locked.
  await kill('good')
  await start('good')
  expect(await secretIn('good')).toBe('hunter2')
})

test('a container with the network of another is not taken for that one, which has no grant', async () => {
  await create('network', { image: other, volume: `${box}-open` })
  await start('network')
  const sharing = await create('sharing', {
    image: await imageOf('good'),
    network: `container:${ids.get('network') ?? ''}`
  })
  await start('sharing')
  const named = await eventually(async () => {
    const { entries } = await askJson<{ entries: { container?: string }[] }>(
      admin,
      'GET',
      `/audit?limit=1&action=copy.attach&box=${box}`
    )
    return entries[0]?.container === sharing ? true : null
  })
  expect(named).toBe(true)
  const { volumes } = await askJson<{
    volumes: { name: string; copies: { container: { id: string } | null }[] }[]
  }>(admin, 'GET', '/volumes/')
  const holders = volumes.filter(({ name }) => name === box).flatMap(({ copies }) => copies)
  expect(new Set(holders.map(({ container }) => container?.id))).toEqual(new Set([ids.get('good'), sharing]))
  expect([await secretIn('sharing'), await secretIn('network')]).toEqual(['hunter2', 'hunter3'])
  await Promise.all(['sharing', 'network'].map(kill))
})

test('a label counts that a container was given, and none that its image has; a name, once it is granted', async () => {
  await grant('label:tier=db')
  await expect(start('bad')).rejects.toThrow('may not use box')
  await grant('label:tier=web')
  await create('labelled', { image: other, labels: { tier: 'web' } })
  await start('labelled')
  expect(await secretIn('labelled')).toBe('hunter2')
  await create('later', { image: other, restart: 'always' })
  await expect(start('later')).rejects.toThrow('may not use box')
  await grant(`container:${box}-later`)
  // By the daemon, since the Engine does not.
  expect(await eventually(() => secretIn('later'))).toBe('hunter2')
  await Promise.all(['labelled', 'later', 'good'].map(kill))
})

test('without the Engine’s socket a closed box is shown to nobody, and one that is open as ever', async () => {
  await withSource('/dev/null')
  await expect(start('good')).rejects.toThrow('the Engine does not say which one starts')
  await create('open', { image: other, volume: `${box}-open` })
  await start('open')
  expect(await secretIn('open')).toBe('hunter3')
  await kill('open')
})

test('a copy that came to another container, since the Engine did not tell of it, is gone, and that is killed', async () => {
  const place = join(engine.pluginData, 'engine.sock')
  const server = await forwarding(place, ids.get('bad') ?? '')
  await withSource(place)
  // It may not even come to start.
  await start('bad').catch(() => undefined)
  const entry = await eventually(async () => {
    const { entries } = await askJson<{ entries: { container?: string; decision: string }[] }>(
      admin,
      'GET',
      `/audit?limit=1&action=copy.withdraw&box=${box}`
    )
    return entries[0] ?? null
  })
  expect(entry).toMatchObject({ decision: 'allowed', container: ids.get('bad') })
  expect(await eventually(async () => (await secretIn('bad').catch(() => '')) === null || null)).toBe(true)
  server.close()
  server.closeAllConnections()
})

/** An Engine's socket, where nothing is told of one container. */
async function forwarding(place: string, hidden: string): Promise<Server> {
  const server = createServer((asked, answer) => {
    const { method, url: path = '', headers } = asked
    const sent = httpRequest({ socketPath: engine.socket, method, path, headers }, response => {
      const status = response.statusCode ?? 500
      if (!path.includes('/containers/json')) {
        answer.writeHead(status, response.headers).flushHeaders()
        response.pipe(answer)
        return
      }
      void json(response).then(listed => {
        const told = (listed as { Id: string }[]).filter(({ Id }) => Id !== hidden)
        answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(told))
      })
    })
    asked.pipe(sent)
    answer.once('close', () => sent.destroy())
    sent.once('error', () => answer.destroy())
  })
  server.listen(place)
  await once(server, 'listening')
  return server
}
