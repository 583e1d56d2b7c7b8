import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'
import { ask } from '../kit/ask.ts'

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon()
  await admin('PUT', '/vault/db/')
})
afterAll(() => daemon.stop())

async function admin(method: string, url: string, body?: Buffer): Promise<Record<string, unknown>> {
  const answer = await ask(daemon.adminSocket, { method, url, ...(body === undefined ? {} : { body }) })
  expect(answer.status, answer.body.toString()).toBeLessThan(300)
  return JSON.parse(answer.body.toString()) as Record<string, unknown>
}

/** What a manager of a swarm gets that asks for a secret with these labels (moby/swarmkit, manager/drivers). */
async function getSecret(
  labels: Record<string, string> | undefined
): Promise<{ status: number; reply: unknown }> {
  const request = {
    SecretName: 'dbpw',
    SecretLabels: labels,
    ServiceHostname: 'web-host',
    ServiceID: 's1',
    ServiceName: 'web',
    TaskID: 't1',
    TaskName: 'web.1.t1',
    TaskImage: 'web:1',
    ServiceEndpointSpec: { Mode: 1 }
  }
  const answer = await ask(daemon.pluginSocket, {
    method: 'POST',
    url: '/SecretProvider.GetSecret',
    body: JSON.stringify(request)
  })
  expect(answer.headers['content-type']).toMatch(/^application\/vnd\.docker\.plugins\.v1\.\d\+json/)
  return { status: answer.status, reply: JSON.parse(answer.body.toString()) as unknown }
}

const labels = (file: string, box = 'db'): Record<string, string> => ({
  'io.secretbox.box': box,
  'io.secretbox.file': file
})

// Around the lengths that base64 pads, that are kept inline, that are one chunk; and the longest that Swarm takes.
test.each([1, 2, 3, 4, 5, 63, 16_384, 16_385, 511_999])(
  'a file of %d bytes is served byte for byte',
  async bytes => {
    const contents = randomBytes(bytes)
    await admin('PUT', '/vault/db/deep/pw', Buffer.from(contents))
    expect(await getSecret(labels('deep/pw'))).toEqual({
      status: 200,
      reply: { Value: contents.toString('base64'), DoNotReuse: true }
    })
  }
)

test('the next task gets the next version', async () => {
  for (const contents of ['first', 'second']) {
    await admin('PUT', '/vault/db/changing', Buffer.from(contents))
    expect((await getSecret(labels('changing'))).reply).toMatchObject({
      Value: Buffer.from(contents).toString('base64')
    })
  }
})

test('what is served is recorded with service and task', async () => {
  await admin('PUT', '/vault/db/recorded', Buffer.from('x'))
  await getSecret(labels('/recorded'))
  const { entries } = await admin('GET', '/audit?limit=2')
  expect(entries).toContainEqual(
    expect.objectContaining({
      caller: { kind: 'engine' },
      action: 'box.serve',
      decision: 'allowed',
      box: 'db',
      path: 'recorded',
      service: 'web',
      task: 'web.1.t1',
      image: 'web:1'
    })
  )
})

const hint =
  'create it with: docker secret create -d secretbox -l io.secretbox.box=BOX -l io.secretbox.file=PATH NAME'

test.each([
  [undefined, `secret "dbpw" has no label io.secretbox.box (${hint})`],
  [{ 'io.secretbox.box': 'db' }, `secret "dbpw" has no label io.secretbox.file (${hint})`],
  [labels('pw', 'a/b'), /^bad box name "a\/b": it contains "\/"/],
  [labels('pw', 'none'), 'no such box "none" (create it with: docker vault create none)'],
  [labels('none'), 'cannot read "none": no such file in the box'],
  [labels('deep'), /^cannot read "deep": it is a directory/],
  [labels('empty'), 'cannot serve "empty" of box "db" as a secret: it has 0 bytes, Swarm takes 1 to 511999'],
  [
    labels('large'),
    'cannot serve "large" of box "db" as a secret: it has 512000 bytes, Swarm takes 1 to 511999'
  ]
])('a secret with labels %j is refused', async (given, message) => {
  await admin('PUT', '/vault/db/deep/pw', Buffer.from('x'))
  await admin('PUT', '/vault/db/empty', Buffer.alloc(0))
  await admin('PUT', '/vault/db/large', Buffer.alloc(512_000))
  const { status, reply } = await getSecret(given)
  expect(status).toBeGreaterThanOrEqual(400)
  const { Err } = reply as { Err: string }
  if (typeof message === 'string') expect(Err).toBe(message)
  else expect(Err).toMatch(message)
})
