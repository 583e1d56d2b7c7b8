import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isLong } from '../kit/length.ts'
import { takenBy, type Taken } from '../kit/taken.ts'
import { ask, askJson } from '../kit/engine/admin.ts'
import { fillBox } from '../kit/engine/boxes.ts'
import { eventually } from '../kit/eventually.ts'
import { testImage } from '../kit/engine/image.ts'
import { pluginProcess } from '../kit/engine/processes.ts'
import { freshName, liveCopies, sharedEngine } from '../kit/engine/shared-engine.ts'

const engine = sharedEngine()
const adminSocket = join(engine.pluginData, 'admin.sock')
const containers = isLong ? 200 : 16
/** What the memory of a process may differ by though nothing has grown: what its collector has not come to yet. */
const slackMiB = 16
const manyMinutes = 900_000

/** Boxes with a volume of the same name each, and what is in them. */
const passwords = new Map<string, string>()
let boxes: string[]

beforeAll(async () => {
  const prefix = freshName('load')
  boxes = Array.from({ length: containers }, (_, at) => `${prefix}-${at}`)
  for (const box of boxes) {
    const password = randomBytes(12).toString('hex')
    passwords.set(box, password)
    await fillBox(adminSocket, box, new Map([['password', Buffer.from(password)]]))
    await post('/volumes/create', { Name: box, Driver: 'secretbox' })
  }
}, manyMinutes)

afterAll(async () => {
  for (const box of boxes) {
    await ask(engine.socket, 'DELETE', `/volumes/${box}`)
    await ask(adminSocket, 'DELETE', `/vault/${box}/`)
  }
}, manyMinutes)

/** Asks the Engine itself: 200 clients at once would take more than what they ask for. */
async function post<T>(path: string, body?: object): Promise<T | null> {
  const headers = { 'Content-Type': 'application/json' }
  const answer = await ask(engine.socket, 'POST', path, body && JSON.stringify(body), headers)
  if (answer.status > 299) throw new Error(`${path}: ${answer.status} ${answer.body.toString()}`)
  return answer.body.length === 0 ? null : (JSON.parse(answer.body.toString()) as T)
}

/** Makes a container of the volume; gives its id. */
async function create(volume: string): Promise<string> {
  const mount = {
    Type: 'volume',
    Source: volume,
    Target: '/secrets',
    VolumeOptions: { DriverConfig: { Name: 'secretbox' } }
  }
  const created = await post<{ Id: string }>('/containers/create', {
    Image: testImage,
    Cmd: ['sleep', '86400'],
    HostConfig: { NetworkMode: 'none', Mounts: [mount] }
  })
  return created?.Id ?? ''
}

/** What a container's own copy says. */
async function passwordIn(id: string): Promise<string> {
  const { State } = await askJson<{ State: { Pid: number } }>(engine.socket, 'GET', `/containers/${id}/json`)
  return readFile(`/proc/${State.Pid}/root/secrets/password`, 'utf8')
}

/** Starts a container of each of these volumes, all at once, and ends them; what the plugin took afterwards. */
async function startTogether(volumes: readonly string[]): Promise<Taken> {
  const others = await liveCopies(engine)
  const ids = await Promise.all(volumes.map(create))
  try {
    await Promise.all(ids.map(id => post(`/containers/${id}/start`)))
    const found = await Promise.all(ids.map(passwordIn))
    expect(found).toEqual(volumes.map(volume => passwords.get(volume)))
    expect((await liveCopies(engine)).length).toBe(others.length + ids.length)
  } finally {
    await Promise.all(ids.map(id => ask(engine.socket, 'DELETE', `/containers/${id}?force=1`)))
  }
  const isOver = async (): Promise<true | null> => (await liveCopies(engine)).length === others.length || null
  expect(await eventually(isOver)).toBe(true)
  return takenBy(await pluginProcess(engine))
}

test(
  `${containers} containers started at once on one volume and on a volume each: none fails, none is mixed up`,
  { timeout: manyMinutes },
  async () => {
    const one = Array.from(boxes, () => boxes[0] ?? '')
    const before = await startTogether(one)
    await startTogether(boxes)
    const after = await startTogether(one)
    expect(after.residentMiB).toBeLessThan(before.residentMiB + slackMiB)
    // The Engine may keep some of its connections.
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 8)
  }
)
