import { expect, test } from 'vitest'
import type { SecretboxError } from '../../src/base/errors.ts'
import { parseBoxName, parseMountId, parseVolumeName, type BoxName } from '../../src/base/names.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createUnused } from '../../src/controller/unused.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { describeVolumes, lookAtVolumes } from '../../src/http/admin/status.ts'
import type { Store } from '../../src/store/store.ts'
import { theVault, type Action, type Resources } from '../../src/vault/access/actions.ts'
import { mayAct, type Authority, type Caller } from '../../src/vault/access/authority.ts'
import { patternOfBox } from '../../src/vault/access/box-pattern.ts'
import { noPolicy } from '../../src/vault/access/grants.ts'
import { parseSubject } from '../../src/vault/access/subjects.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import { purposes, type Purpose, type RecordOpening } from '../../src/vault/purposes.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { parseVolumeOptions } from '../../src/volumes/options.ts'
import { putCopyRecord, putVolume } from '../../src/volumes/records.ts'
import { change, putting, root } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const open = useVault()
const [hers, theirs, missing] = ['alice-db', 'bob-db', 'bob-none'].map(parseBoxName) as [
  BoxName,
  BoxName,
  BoxName
]
const alice: Caller = { kind: 'user', uid: 1000, gid: 1000, pid: 1 }

/** A rule that goes by the resource: Alice may do all to boxes that are named after her, and ask for listings. */
const byName: Authority = (caller, action, resource, policy, now) => {
  if (caller !== alice) return mayAct(caller, action, resource, policy, now)
  const { box, newName } = resource as { box?: BoxName; newName?: BoxName }
  if (box === undefined) return action === 'box.list' || action === 'volume.list'
  return [box, newName ?? box].every(name => name.startsWith('alice-'))
}

type Act = (vault: Vault, caller: Caller, box: BoxName) => Promise<unknown>

/** Each act on a box; the compiler misses one that is not here, and below each purpose. */
const acts: Readonly<Record<Exclude<keyof Vault, 'list' | 'open'>, Act>> = {
  inspect: (vault, caller, box) => vault.inspect(caller, box),
  create: (vault, caller, box) => vault.create(caller, box),
  change: (vault, caller, box) =>
    vault.change(caller, box, { edits: [putting('f', 'x')], partial: false, ifVersion: null }),
  rollback: (vault, caller, box) => vault.rollback(caller, box, 1, null),
  rename: (vault, caller, box) =>
    vault.rename(caller, box, parseBoxName(`${box}-new`), null, () => Promise.resolve()),
  own: (vault, caller, box) => vault.own(caller, box, 7, null),
  destroy: (vault, caller, box) => vault.destroy(caller, box, null),
  use: (vault, caller, box) => vault.use(caller, box, null, () => Promise.resolve())
}
const [volume, mount] = [parseVolumeName('v'), parseMountId('m')]
const served = { path: 'f', service: 'web', task: undefined, image: undefined }
const openings: Readonly<Record<Purpose, Act>> = {
  inspect: (vault, caller, box) => vault.open(caller, 'inspect', { box }, null, () => Promise.resolve()),
  compare: (vault, caller, box) => vault.open(caller, 'compare', { box }, null, () => Promise.resolve()),
  reveal: (vault, caller, box) =>
    vault.open(caller, 'reveal', { box, path: 'f' }, null, () => Promise.resolve()),
  serve: (vault, caller, box) =>
    vault.open(caller, 'serve', { box, ...served }, null, () => Promise.resolve()),
  answer: (vault, caller, box) =>
    vault.open(caller, 'answer', { box, volume, mount }, null, () => Promise.resolve()),
  mount: (vault, caller, box) =>
    vault.open(caller, 'mount', { box, volume, mount }, null, () => Promise.resolve()),
  mountIfThere: (vault, caller, box) =>
    vault.open(caller, 'mountIfThere', { box, volume, mount }, null, () => Promise.resolve())
}
const all = [...Object.entries(acts), ...Object.entries(openings)]

test('each act asks about its own resource, and about nothing else', async () => {
  const asked: [Action, unknown][] = []
  const { vault } = await open({
    authority(_caller, action, resource) {
      asked.push([action, resource])
      return true
    }
  })
  const [box, newName] = [theirs, parseBoxName(`${theirs}-new`)]
  const questions: [act: Act, ...[Action, unknown][]][] = [
    [acts.create, ['box.create', { box }]],
    [acts.inspect, ['box.inspect', { box }]],
    // Whether who changes it may know what is in it.
    [acts.change, ['box.change', { box }], ['box.inspect', { box }]],
    [acts.rollback, ['box.change', { box }], ['box.inspect', { box }]],
    [acts.use, ['box.use', { box }]],
    [openings.inspect, ['box.inspect', { box }]],
    [openings.compare, ['box.compare', { box }]],
    [openings.reveal, ['box.reveal', { box, path: 'f' }]],
    [openings.serve, ['box.serve', { box, ...served }]],
    [openings.answer, ['box.answer', { box, volume, mount }]],
    [openings.mount, ['box.mount', { box, volume, mount }]],
    [openings.mountIfThere, ['box.mount', { box, volume, mount }]],
    [
      (vault, caller) => vault.list(caller),
      ['box.list', theVault],
      ['box.list', { box }],
      ['status', theVault],
      ['box.list', { box }]
    ],
    [acts.own, ['box.own', { box, owner: 7 }]],
    [acts.rename, ['box.rename', { box, newName }]],
    [(vault, caller) => vault.destroy(caller, newName, null), ['box.destroy', { box: newName }]]
  ]
  for (const [act, ...expected] of questions) {
    asked.length = 0
    await act(vault, root, box)
    expect(asked).toEqual(expected)
  }
})

test.each(all)(
  '%s is decided before anything is looked up: who may not learns the same of a box that is there and of one that is not',
  async (_name, act) => {
    const read: string[] = []
    const opened = await open({
      authority: byName,
      wrap: (store: Store): Store => ({
        ...store,
        get(key) {
          read.push(key)
          return store.get(key)
        },
        list(prefix, options) {
          read.push(prefix)
          return store.list(prefix, options)
        }
      })
    })
    await opened.vault.create(root, theirs)
    // Grants and owners are read once.
    await opened.vault.list(alice)
    const denials: unknown[] = []
    for (const box of [theirs, missing]) {
      read.length = 0
      const refused: unknown = await act(opened.vault, alice, box).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'denied' })
      expect(read.filter(key => !key.startsWith('audit'))).toEqual([])
      const { message, code, hint } = refused as SecretboxError
      denials.push({ message, code, hint })
    }
    expect(denials[0]).toEqual(denials[1])
    expect((await opened.vault.inspect(root, theirs)).newest.version).toBe(1)
  }
)

test.each(all)('%s is done to a box that the rule allows', async (name, act) => {
  const { vault } = await open({ authority: byName })
  if (name !== 'create') await vault.create(root, hers)
  await act(vault, alice, hers)
})

test('a box gets no name that the rule does not allow', async () => {
  const { vault } = await open({ authority: byName })
  await vault.create(root, hers)
  await vault.create(root, theirs)
  const freely = (): Promise<void> => Promise.resolve()
  for (const to of [theirs, missing])
    await expect(vault.rename(alice, hers, to, null, freely)).rejects.toMatchObject({
      code: 'denied',
      message: 'uid 1000 may not box.rename'
    })
})

test('a listing holds the boxes that the rule allows, and so does the hint about a misspelt one', async () => {
  const { vault, store, audit, sealing } = await open({ authority: byName })
  for (const box of [hers, theirs]) await vault.create(root, box)
  await store.commit([{ put: 'box/of-nobody', value: Buffer.of(0) }])
  expect(await vault.list(alice)).toMatchObject({ boxes: [{ name: hers }], damaged: [] })
  expect(await vault.list(root)).toMatchObject({
    boxes: [{ name: hers }, { name: theirs }],
    damaged: ['box/of-nobody']
  })
  const misspelt = parseBoxName('alice-bd')
  await expect(vault.inspect(alice, misspelt)).rejects.toMatchObject({ hint: 'did you mean "alice-db"?' })
  await vault.destroy(root, hers, null)
  await vault.create(root, parseBoxName('malice-bd'))
  await expect(vault.inspect(alice, misspelt)).rejects.toMatchObject({
    hint: 'docker vault list --boxes shows those that there are'
  })
  const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
  const listings = lines.filter(isEntry).filter(({ action }) => action === 'box.list')
  expect(listings.map(({ count }) => count)).toEqual([1, 2])
})

test('listings of volumes hold those of boxes that the rule allows', async () => {
  const { vault, store, gate } = await open({ authority: byName })
  const created = new Date(0).toISOString()
  for (const [name, box] of [
    ['of-alice', hers],
    ['of-bob', theirs]
  ] as const) {
    const options = parseVolumeOptions(parseVolumeName(name), { box })
    await store.commit([putVolume({ name: parseVolumeName(name), options, created })])
  }
  await store.commit(
    [hers, theirs].map(box =>
      putCopyRecord({
        ...{ volume: parseVolumeName('of-alice'), mount: parseMountId(box), box, version: 1, created },
        ...{ device: null, container: null, madeFor: null }
      })
    )
  )
  const engine = { containers: () => Promise.resolve([]) } as unknown as Engine
  const holders = {
    of: () => Promise.resolve({ of: () => [], isComplete: true }),
    isShownTo: () => Promise.resolve(false)
  }
  const describe = describeVolumes({ gate, all: lookAtVolumes({ store, holders, engine }) })
  const told = async (caller: Caller): Promise<unknown> =>
    (await describe(caller)).map(({ name, copies }) => [name, copies.map(({ box }) => box)])
  expect(await told(root)).toEqual([
    ['of-alice', [hers, theirs]],
    ['of-bob', []]
  ])
  expect(await told(alice)).toEqual([['of-alice', [hers]]])
  const things = createUnused({ store, gate, vault, engine, clock: systemClock })
  const unused = async (caller: Caller): Promise<unknown> =>
    (await things.find(caller, true)).volumes.map(({ name }) => name)
  expect(await unused(root)).toEqual(['of-bob'])
  // Who may know of a volume may not have it removed by the daemon, which the Engine obeys.
  await store.commit([
    putVolume({
      name: parseVolumeName('idle'),
      options: parseVolumeOptions(parseVolumeName('idle'), { box: hers }),
      created
    })
  ])
  expect((await things.prune(alice, [parseVolumeName('idle')], [])).errors).toMatchObject([
    { code: 'denied' }
  ])
  await store.commit([{ remove: 'volume/idle' }])
  expect(await unused(alice)).toEqual([])
})

test('who may read the audit of a box reads no other', async () => {
  const { vault, readAudit } = await open({ authority: byName })
  for (const box of [hers, theirs]) await vault.create(root, box)
  const read = await readAudit(alice, [hers])
  const lines = await Array.fromAsync(read({ limit: Infinity, boxes: [theirs] }))
  expect(lines.filter(isEntry).map(({ box }) => box)).toEqual([hers, hers])
  for (const asked of [[theirs], [hers, theirs], []])
    await expect(readAudit(alice, asked)).rejects.toMatchObject({ code: 'denied' })
  const everything = await Array.fromAsync((await readAudit(root, []))({ limit: Infinity }))
  expect(everything.filter(isEntry).length).toBe(8)
})

test("without grants root may do all but what is a container's own, and others what is theirs", () => {
  const resources: Resources = {
    'box.list': theVault,
    'box.inspect': { box: hers },
    'box.create': { box: hers },
    'box.destroy': { box: hers },
    'box.rename': { box: hers, newName: theirs },
    'box.own': { box: hers, owner: 7 },
    'box.rotate': { box: hers },
    'box.change': { box: hers },
    'box.compare': { box: hers },
    'box.use': { box: hers },
    'box.reveal': { box: hers, path: '' },
    'box.mount': { box: hers, volume, mount },
    'box.answer': { box: hers, volume, mount },
    'box.serve': { box: hers, ...served },
    'copy.describe': { box: hers, volume, mount },
    'token.issue': { box: hers, volume, mount },
    'identity.show': theVault,
    'copy.attach': { box: hers, volume, mount },
    'copy.wipe': { volume, mount },
    'copy.withdraw': { box: hers, volume, mount },
    'volume.list': theVault,
    'volume.create': { box: hers, volume },
    'volume.remove': { volume },
    'type.list': theVault,
    'audit.read': theVault,
    'grant.ask': { boxes: patternOfBox(hers), subject: parseSubject('user:1') },
    'grant.list': theVault,
    'grant.add': { boxes: patternOfBox(hers), subject: parseSubject('user:1'), rights: ['info'] },
    'grant.revoke': { boxes: patternOfBox(hers), subject: parseSubject('user:1') },
    'grant.discard': { record: 'grant/a' },
    'keyslot.list': theVault,
    'keyslot.add': { slot: 'a' },
    'keyslot.replace': { slot: 'a' },
    'keyslot.remove': { slot: 'a' },
    'keyslot.test': { slot: 'a' },
    'vault.rotate': theVault,
    'vault.seal': theVault,
    'vault.unseal': theVault,
    reconcile: theVault,
    status: theVault
  }
  const actions = Object.keys(resources) as Action[]
  const allowed = (caller: Caller): Action[] =>
    actions.filter(action => mayAct(caller, action, resources[action], noPolicy, 0))
  const ofContainers = ['box.answer', 'copy.describe', 'token.issue']
  expect(allowed(root)).toEqual(actions.filter(action => !ofContainers.includes(action)))
  const container: Caller = { kind: 'container', uid: 0, gid: 0, pid: 1, box: hers, volume, mount }
  expect(allowed(container)).toEqual(ofContainers)
  for (const other of [{ box: theirs }, { volume: parseVolumeName('w') }, { mount: parseMountId('n') }])
    expect(allowed({ ...container, ...other })).toEqual([])
  expect(allowed(alice)).toEqual(['identity.show'])
  expect(allowed({ kind: 'daemon' })).toEqual([
    ...['box.destroy', 'copy.attach', 'copy.wipe', 'copy.withdraw', 'reconcile']
  ])
  expect(allowed({ kind: 'engine' })).toEqual([
    ...['box.inspect', 'box.mount', 'box.serve', 'copy.wipe'],
    ...['volume.list', 'volume.create', 'volume.remove']
  ])
})

test('each purpose shows what it says, once that is recorded, or to a use that records it with what comes of it', async () => {
  const { vault, store, audit, sealing } = await open()
  await vault.create(root, hers)
  await change({ vault }, hers, putting('f', 'x'))
  const newest = async (): Promise<unknown> => {
    const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: 1 }))
    return lines.filter(isEntry)[0]?.action
  }
  for (const purpose of ['inspect', 'reveal', 'mount'] as const) {
    const { action, recorded, shows } = purposes[purpose]
    const resource = { box: hers, path: 'f', volume, mount }
    await vault.list(root)
    await vault.open(root, purpose, resource, null, async (version, record?: RecordOpening) => {
      expect(await newest()).toBe(recorded === 'before' ? action : 'box.list')
      expect('read' in version).toBe(shows === 'contents')
      await record?.([{ put: 'test', value: Buffer.of(1) }])
      expect(await newest()).toBe(action)
    })
    expect((await store.get('test')) !== null).toBe(recorded === 'within')
  }
})
