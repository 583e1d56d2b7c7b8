import { afterAll, beforeAll, expect, test } from 'vitest'
import type { asks } from '../../src/api/asks.ts'
import { operations } from '../../src/api/operations.ts'
import type { actions } from '../../src/base/actions.ts'
import { rights } from '../../src/base/rights.ts'
import { ask, type Answer } from '../kit/ask.ts'
import { startDaemon, type Daemon } from '../kit/daemon-process.ts'

/*
 * All that the API can be asked, by people of every kind with every right, as generated: over HTTP, at the socket that all may
 * connect to. What each action takes is written here once more, and not taken from the code.
 */

type Action = (typeof actions)[number]
type Id = keyof typeof operations

/** `any`: any right on anything. `owner`: to own the box. `root`: nobody else. Two: both. */
const needs = {
  'box.list': ['any'],
  'box.inspect': ['info'],
  'box.create': ['manage'],
  'box.destroy': ['manage'],
  // And to manage the new name, which nobody does here who has a right on one box alone.
  'box.rename': ['manage', 'reveal', 'glob'],
  'box.own': ['owner'],
  'box.change': ['write'],
  'box.compare': ['reveal'],
  'box.reveal': ['reveal'],
  'box.use': ['reveal'],
  'volume.list': ['any'],
  // Of each thing that is named it is asked on its own, and told of in the answer.
  'volume.remove': ['any'],
  'type.list': ['any'],
  'audit.read': ['manage'],
  'grant.list': ['manage'],
  'grant.ask': ['manage'],
  'grant.add': ['manage'],
  'grant.revoke': ['manage'],
  'grant.discard': ['root'],
  // Public keys are for all.
  'identity.show': [],
  'keyslot.list': ['root'],
  'keyslot.add': ['root'],
  'keyslot.replace': ['root'],
  'keyslot.remove': ['root'],
  'keyslot.test': ['root'],
  'vault.rotate': ['root'],
  'box.rotate': ['root'],
  'vault.seal': ['root'],
  'vault.unseal': ['root'],
  reconcile: ['root'],
  status: ['root']
} as const satisfies Partial<Record<Action, readonly string[]>>

/** What is asked about a box. */
type Wish = (box: string) => { url: string; body?: unknown; accept?: string; tar?: true }
const at =
  (path: string, more: Omit<ReturnType<Wish>, 'url'> = {}): Wish =>
  box => ({ url: path.replace('BOX', box), ...more })

/** For each operation, in an order in which the box stays there for the next, how each of its actions is asked for; the compiler misses one. */
const wishes: {
  readonly [I in Id]: Readonly<Record<(typeof asks)[I][number], Wish>>
} = {
  listBoxes: { 'box.list': at('/vault/') },
  readBox: {
    'box.inspect': at('/vault/BOX/'),
    'box.compare': at('/vault/BOX/?digests=1'),
    'box.reveal': at('/vault/BOX/', { accept: 'application/x-tar' })
  },
  headBox: { 'box.inspect': at('/vault/BOX/'), 'box.compare': at('/vault/BOX/?digests=1') },
  putBox: { 'box.create': at('/vault/BOX/'), 'box.change': at('/vault/BOX/', { tar: true }) },
  readFile: { 'box.reveal': at('/vault/BOX/f') },
  headFile: { 'box.inspect': at('/vault/BOX/f') },
  putEntry: { 'box.change': at('/vault/BOX/g', { body: 'x' }) },
  removeEntry: { 'box.change': at('/vault/BOX/g') },
  listVersions: { 'box.inspect': at('/versions/BOX/') },
  listTypes: { 'type.list': at('/types') },
  listVolumes: { 'volume.list': at('/volumes/') },
  listGrants: { 'grant.list': at('/grants?box=BOX') },
  grant: {
    'grant.add': box => ({ url: '/grants', body: { subject: 'user:1', boxes: box, rights: ['info'] } })
  },
  revoke: { 'grant.revoke': box => ({ url: '/revoke', body: { subject: 'user:1', boxes: box } }) },
  discardGrant: { 'grant.discard': at('/grants?record=grant/a') },
  can: { 'grant.ask': at('/can?subject=user:1&right=info&box=BOX') },
  listUnused: { 'volume.list': at('/unused') },
  prune: {
    'volume.remove': at('/prune', { body: { volumes: ['v'], boxes: [] } }),
    'box.destroy': at('/prune', { body: { volumes: [], boxes: [] } })
  },
  describeInjected: {
    'box.use': box => ({ url: '/injected', body: { files: [{ box, target: '/t' }], environment: [] } })
  },
  listKeyslots: { 'keyslot.list': at('/keyslots') },
  addKeyslot: { 'keyslot.add': at('/keyslots?name=a&kind=recovery') },
  replaceKeyslot: { 'keyslot.replace': at('/keyslots?name=a&kind=recovery') },
  removeKeyslot: { 'keyslot.remove': at('/keyslots?name=a') },
  testKeyslot: { 'keyslot.test': at('/keyslots/test?name=a&kind=recovery', { body: 'x' }) },
  rotateRoot: { 'vault.rotate': at('/rotate/root') },
  rotateBox: { 'box.rotate': at('/rotate/box?box=BOX') },
  seal: { 'vault.seal': at('/seal') },
  unseal: { 'vault.unseal': at('/unseal?kind=recovery', { body: 'x' }) },
  reconcile: { reconcile: at('/reconcile') },
  status: { status: at('/status') },
  showIdentity: { 'identity.show': at('/identity') },
  readAudit: { 'audit.read': at('/audit?box=BOX') },
  changeBox: {
    'box.change': at('/vault/BOX/', { body: { rollback: 1 } }),
    'box.rename': box => ({ url: `/vault/${box}/`, body: { rename: `${box}-new` } }),
    'box.own': box => ({ url: `/vault/${box}/`, body: { owner: 1 } })
  },
  destroyBox: { 'box.destroy': at('/vault/BOX/') }
}
const every = (Object.entries(wishes) as [Id, Readonly<Record<Action, Wish>>][]).flatMap(([id, ways]) =>
  Object.entries(ways).map(([action, wish]) => ({ id, action: action as keyof typeof needs, wish }))
)

let daemon: Daemon
beforeAll(async () => {
  daemon = await startDaemon()
})
afterAll(() => daemon.stop())

function send(uid: number, id: Id, wish: ReturnType<Wish>): Promise<Answer> {
  const { url, body, accept, tar } = wish
  const headers = {
    ...(accept === undefined ? {} : { Accept: accept }),
    ...(tar === undefined ? {} : { 'Content-Type': 'application/x-tar' })
  }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const { method } = operations[id]
  const sent = { method, url, headers, ...(body === undefined ? {} : { body: text }) }
  return ask(daemon.publicSocket, tar === undefined ? sent : { ...sent, body: Buffer.alloc(1024) }, uid)
}

async function byRoot(method: string, url: string, body?: unknown): Promise<void> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await ask(daemon.adminSocket, { method, url, ...(body === undefined ? {} : { body: text }) })
  expect([url, answer.status, answer.body.toString()]).toMatchObject([url, expect.toBeOneOf([200, 201]), {}])
}

const grant = (subject: string, boxes: string, given: readonly string[], expires: string | null = null) =>
  byRoot('POST', '/grants', { subject, boxes, rights: given, expires })

/** Asks for everything: what is not denied. What is, is answered as for a box that is not there, if nothing is granted on either. */
async function ways(uid: number, box: string, isAlike = false): Promise<Record<string, boolean>> {
  const told: Record<string, boolean> = {}
  for (const { id, action, wish } of every) {
    const answer = await send(uid, id, wish(box))
    const name = `${id} ${action}`
    told[name] = answer.status !== 403
    expect([name, answer.status]).not.toEqual([name, 500])
    if (!isAlike || answer.status !== 403 || !JSON.stringify(wish(box)).includes(box)) continue
    const missing = await send(uid, id, wish(`${box}-none`))
    expect([name, missing.status, missing.body.toString()]).toEqual([name, 403, answer.body.toString()])
  }
  return told
}

/** What is to be told by the table to who has these. */
function expected(...has: string[]): Record<string, boolean> {
  return Object.fromEntries(
    every.map(({ id, action }) => {
      // Whoever has any right may ask for boxes and volumes to be pruned: each is decided on its own.
      const needed: readonly string[] = id === 'prune' ? ['any'] : needs[action]
      return [`${id} ${action}`, needed.every(each => has.includes(each))]
    })
  )
}

let [uid, number] = [62_000, 0]
/** A box of somebody who is new. */
async function newcomer(): Promise<[uid: number, box: string]> {
  const box = `b${++number}`
  await byRoot('PUT', `/vault/${box}/`)
  await byRoot('PUT', `/vault/${box}/f`, 'x')
  return [++uid, box]
}

test('who has no right is denied everything that the API can be asked', async () => {
  const [stranger, box] = await newcomer()
  expect(await ways(stranger, box, true)).toEqual(expected())
})

test.each(rights)('the right %s on a box gives what it says, and nothing else', async right => {
  const [person, box] = await newcomer()
  await grant(`user:${person}`, box, [right])
  expect(await ways(person, box)).toEqual(expected(right, 'any'))
})

test('a glob gives what it says of new names, too', async () => {
  const [person, box] = await newcomer()
  await grant(`user:${person}`, `${box}*`, rights)
  const told = await ways(person, box)
  // By then the box has its new name, so that what is asked of the old one is asked of none.
  expect(told).toEqual(expected(...rights, 'any', 'glob'))
})

test('an owner has all on the box but what is root’s', async () => {
  const [person, box] = await newcomer()
  await byRoot('PATCH', `/vault/${box}/`, { owner: person })
  // Once the box is given away nothing is left, so that the last of all is denied.
  expect(await ways(person, box)).toEqual({
    ...expected(...rights, 'any', 'owner'),
    'destroyBox box.destroy': false
  })
  expect((await send(person, 'readBox', { url: `/vault/${box}/` })).status).toBe(403)
})

test('what is granted on another box, or has expired, gives nothing on this one', async () => {
  const [person, box] = await newcomer()
  const [, other] = await newcomer()
  await grant(`user:${person}`, other, rights)
  expect(await ways(person, box, true)).toEqual(expected('any'))
  const [late, over] = await newcomer()
  await grant(`user:${late}`, over, rights, new Date(Date.now() + 150).toISOString())
  while ((await send(late, 'readBox', { url: `/vault/${over}/` })).status === 200);
  expect(await ways(late, over)).toEqual(expected())
})

test('a group has what is granted to it', async () => {
  const [person, box] = await newcomer()
  // The connections of this test keep root's groups, so that this one is for everybody: it comes last.
  await grant('group:0', box, ['info', 'write'])
  expect(await ways(person, box)).toEqual(expected('info', 'write', 'any'))
})
