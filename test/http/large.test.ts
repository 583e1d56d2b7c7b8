import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { ask } from '../kit/ask.ts'

const boxBytes = 128 << 20
/** Far below the box, far above what a daemon needs for its work. */
const allowedGrowthBytes = 56 << 20
let daemon: Daemon
let before: number
beforeAll(async () => {
  daemon = await startDaemon({ MAX_BOX_BYTES: String(boxBytes) })
  await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/db/' })
  before = peakBytes()
})
afterAll(() => daemon.stop())

/** The most memory that the daemon has had so far. */
function peakBytes(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** The same bytes each time, in pieces, whose digest is asked for. */
function* contents(): Generator<Buffer> {
  for (let i = 0; i < boxBytes >> 20; i++) yield Buffer.alloc(1 << 20, pattern.subarray(i, i + 64))
}
const pattern = randomBytes(1024)

function digestOf(pieces: Iterable<Buffer>): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

async function digestOfStream(pieces: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of pieces) hash.update(piece)
  return hash.digest('hex')
}

test.skipIf(cannotMount)(
  'a large box goes in, out and into a copy without being held in memory (takes root)',
  async () => {
    const sent = request({ socketPath: daemon.adminSocket, method: 'PUT', path: '/vault/db/large' })
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    for (const piece of contents()) if (!sent.write(piece)) await once(sent, 'drain')
    sent.end()
    const [stored] = await answered
    expect(stored.statusCode).toBe(200)
    stored.resume()
    const [read] = (await once(
      request({ socketPath: daemon.adminSocket, path: '/vault/db/large' }).end(),
      'response'
    )) as [IncomingMessage]
    const digest = digestOf(contents())
    expect(await digestOfStream(read)).toBe(digest)

    await ask(daemon.adminSocket, { method: 'PUT', url: '/vault/other/' })
    const tar = 'application/x-tar'
    const out = request({
      socketPath: daemon.adminSocket,
      path: '/vault/db/',
      headers: { Accept: tar }
    }).end()
    const [tree] = (await once(out, 'response')) as [IncomingMessage]
    const into = request({
      socketPath: daemon.adminSocket,
      method: 'PUT',
      path: '/vault/other/',
      headers: { 'Content-Type': tar }
    })
    const merged = once(into, 'response') as Promise<[IncomingMessage]>
    await pipeline(tree, into)
    const [{ statusCode }] = await merged
    expect(statusCode).toBe(200)

    const driver = async (method: string, body: unknown): Promise<Record<string, unknown>> => {
      const call = { method: 'POST', url: `/VolumeDriver.${method}`, body: JSON.stringify(body) }
      return JSON.parse((await ask(daemon.pluginSocket, call)).body.toString()) as Record<string, unknown>
    }
    expect(await driver('Create', { Name: 'other' })).toEqual({})
    const { Mountpoint } = await driver('Mount', { Name: 'other', ID: 'one' })
    expect(await digestOfStream(createReadStream(join(Mountpoint as string, 'large')))).toBe(digest)
    expect(await driver('Unmount', { Name: 'other', ID: 'one' })).toEqual({})
    expect(peakBytes() - before).toBeLessThan(allowedGrowthBytes)
  }
)
