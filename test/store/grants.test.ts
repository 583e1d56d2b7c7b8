import { renameSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parseBoxName, parseMountId, parseVolumeName, type BoxName } from '../../src/base/names.ts'
import type { Right } from '../../src/base/rights.ts'
import { SecretboxError } from '../../src/base/errors.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import type { Keyring } from '../../src/crypto/keyring.ts'
import type { Write } from '../../src/store/store.ts'
import { createGate } from '../../src/vault/action/gate.ts'
import { createPolicies } from '../../src/vault/policies.ts'
import { parseBoxPattern, patternOfBox } from '../../src/vault/access/box-pattern.ts'
import type { Grant } from '../../src/vault/access/grants.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { parseSubject } from '../../src/vault/access/subjects.ts'
import { grantIn, putGrant, readGrants } from '../../src/vault/grants/records.ts'
import { change, putting, root, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const open = useVault()
const [volume, mount] = [parseVolumeName('v'), parseMountId('m')]
const [db, web] = [parseBoxName('db'), parseBoxName('web')]
const alice: Caller = { kind: 'user', uid: 1000, gid: 1000, pid: 1 }

function grantOf(subject: string, boxes: string, over: Partial<Grant> = {}): Grant {
  return {
    ...{ id: 'a'.repeat(32), subject: parseSubject(subject), boxes: parseBoxPattern(boxes) },
    ...{ rights: ['info', 'use'], note: 'für später', by: 0, at: '2026-01-01T00:00:00.000Z' },
    ...{ expires: '2027-01-01T00:00:00.000Z', ...over }
  }
}

/** Puts grants into the store, as an act does. */
async function give({ gate }: OpenVault, ...grants: Grant[]): Promise<void> {
  for (const grant of grants)
    await gate.run(root, 'grant.add', grant, permit => permit.commit({}, [putGrant(permit.keyring, grant)]))
}

test('a grant is read as it was stored, from its own row alone', async () => {
  const { store, sealing } = await open()
  const keyring = await sealing.keyring()
  for (const subject of ['user:1', 'group:2', 'image:a*', 'compose:a/b', 'label:a=b', 'container:*']) {
    const grant = grantOf(subject, 'a\\*b*', { expires: null })
    await store.commit([putGrant(keyring, grant)])
    const row = await store.get(`grant/${grant.id}`)
    if (row === null) throw new Error('no row')
    expect(row.value.includes('für später')).toBe(false)
    expect(grantIn(keyring, row)).toEqual(grant)
    expect(grantIn(keyring, { ...row, key: `grant/${'b'.repeat(32)}` })).toBe(null)
    row.value.writeUInt8(row.value.readUInt8(70) ^ 1, 70)
    expect(grantIn(keyring, row)).toBe(null)
  }
})

const good = {
  id: 'a'.repeat(32),
  subject: 'user:1',
  rights: ['info'],
  boxes: 'db',
  note: '',
  by: 0,
  at: '2026-01-01T00:00:00.000Z',
  expires: null
}

test.each([
  ['no rights', { rights: [] }],
  ['a right twice', { rights: ['info', 'info'] }],
  ['a right that is none', { rights: ['all'] }],
  ['a subject of another release', { subject: 'tpm:1' }],
  ['boxes that cannot be', { boxes: 'a/b' }],
  ['a note with a line feed', { note: 'a\nb' }],
  ['another ID than its row', { id: 'b'.repeat(32) }],
  ['an ID that is none', { id: 'x' }],
  ['no uid', { by: -1 }],
  ['a time that is none', { at: 'yesterday' }],
  ['an end that is none', { expires: 'never' }],
  ['more than this release knows', { deny: true }],
  ['less', { expires: undefined }],
  ['a list', []],
  ['nothing', null]
])('a row with %s is damaged, gives nothing and hides no other', async (_what, over) => {
  const { store, sealing } = await open()
  const keyring = await sealing.keyring()
  const fields = over === null || Array.isArray(over) ? over : { ...good, ...over }
  const key = `grant/${good.id}`
  const other = grantOf('user:2', 'db', { id: 'c'.repeat(32) })
  await store.commit([
    { put: key, value: keyring.encrypt(key, Buffer.from(JSON.stringify(fields))) },
    putGrant(keyring, other)
  ])
  const { grants, damaged } = await readGrants(store, keyring)
  expect([...grants.values()]).toEqual([other])
  expect(damaged).toEqual([key])
})

test('a row that is damaged is taken away by root alone, by its key, and that is recorded; a grant is not', async () => {
  const opened = await open()
  await give(opened, grantOf('user:1000', '*'))
  const [good, bad] = ['a', 'd'].map(digit => `grant/${digit.repeat(32)}`) as [string, string]
  await opened.close()
  const before = await open()
  await before.store.commit([{ put: bad, value: Buffer.from('no grant') }])
  await before.close()
  const again = await open()
  const damaged = async (): Promise<readonly string[]> => (await again.granting.list(root, null)).damaged
  expect(await damaged()).toEqual([bad])
  await expect(again.granting.discard(alice, bad)).rejects.toMatchObject({ code: 'denied' })
  await expect(again.granting.discard(root, good)).rejects.toMatchObject({
    code: 'conflict',
    message: `record "${good}" is a grant, and not damaged`
  })
  await again.granting.discard(root, bad)
  expect([await damaged(), await again.store.get(bad)]).toEqual([[], null])
  expect((await again.granting.list(root, null)).grants).toHaveLength(1)
  await expect(again.granting.discard(root, bad)).rejects.toMatchObject({ code: 'not_found' })
  const entries = (await Array.fromAsync((await again.readAudit(root, []))({ limit: 10 }))).filter(isEntry)
  expect(
    entries
      .filter(({ action }) => action === 'grant.discard')
      .map(each => [each.decision, each.record, each.failed])
  ).toEqual([
    ['denied', bad, undefined],
    ['allowed', good, 'conflict'],
    ['allowed', bad, undefined],
    ['allowed', bad, 'not_found']
  ])
})

test('what these rows are made of is what is read', async () => {
  const { store, sealing } = await open()
  const keyring = await sealing.keyring()
  const key = `grant/${good.id}`
  await store.commit([{ put: key, value: keyring.encrypt(key, Buffer.from(JSON.stringify(good))) }])
  expect((await readGrants(store, keyring)).damaged).toEqual([])
})

test('who makes a box owns it and may do all with it, and nothing with others; so it is when the vault is opened again', async () => {
  const opened = await open()
  await opened.vault.create(root, web)
  await give(opened, grantOf('user:1000', 'd*', { rights: ['manage'], expires: null }))
  expect(await opened.vault.create(alice, db)).toMatchObject({ owner: 1000, isClosed: false })
  const check = async ({ vault }: Pick<typeof opened, 'vault'>): Promise<void> => {
    expect((await vault.list(alice)).boxes.map(({ name }) => name)).toEqual([db])
    await change({ vault }, db, putting('f', 'x'))
    await vault.open(alice, 'reveal', { box: db, path: 'f' }, null, () => Promise.resolve())
    await expect(vault.inspect(alice, web)).rejects.toMatchObject({ code: 'denied' })
    await expect(vault.create(alice, parseBoxName('other'))).rejects.toMatchObject({ code: 'denied' })
  }
  await check(opened)
  await opened.close()
  const again = await open()
  await check(again)
  const renamed = parseBoxName('d2')
  await again.vault.rename(alice, db, renamed, null, () => Promise.resolve())
  expect(await again.vault.inspect(alice, renamed)).toMatchObject({ owner: 1000 })
  await again.vault.destroy(alice, renamed, null)
  await again.vault.create(root, renamed)
  await expect(again.vault.inspect(alice, renamed)).rejects.toMatchObject({ code: 'denied' })
})

test('grants of one box go with it, and are renamed with it; those of a glob stay', async () => {
  const opened = await open()
  const { vault, store, sealing } = opened
  const keyring = await sealing.keyring()
  const [ofBox, ofGlob] = [grantOf('user:1000', 'db'), grantOf('user:1000', 'd*', { id: 'b'.repeat(32) })]
  await vault.create(root, db)
  await give(opened, ofBox, ofGlob)
  await vault.rename(root, db, web, null, () => Promise.resolve())
  const boxesOf = async (): Promise<string[]> =>
    [...(await readGrants(store, keyring)).grants.values()].map(({ boxes }) => boxes.text).sort()
  expect(await boxesOf()).toEqual(['d*', 'web'])
  await vault.destroy(root, web, null)
  expect(await boxesOf()).toEqual(['d*'])
})

test('a box is closed that comes to have a name which a grant to containers is about, and stays so under another', async () => {
  const opened = await open()
  const { vault } = opened
  const expired = '2020-01-01T00:00:00.000Z'
  await give(opened, grantOf('image:a', 'prod-*', { rights: ['use'], expires: expired }))
  const [prod, free] = [parseBoxName('prod-db'), parseBoxName('free')]
  expect(await vault.create(root, prod)).toMatchObject({ isClosed: true })
  expect(await vault.create(root, db)).toMatchObject({ isClosed: false })
  await vault.rename(root, prod, free, null, () => Promise.resolve())
  expect(await vault.inspect(root, free)).toMatchObject({ isClosed: true })
  await vault.rename(root, db, prod, null, () => Promise.resolve())
  expect(await vault.inspect(root, prod)).toMatchObject({ isClosed: true })
})

test('what a box is made with stays in its versions and under another name', async () => {
  const opened = await open()
  const { vault } = opened
  await vault.create(root, db, { isNeverRevealed: true })
  await change(opened, db, putting('f', 'x'))
  await vault.rollback(root, db, 1, null)
  await vault.rename(root, db, web, null, () => Promise.resolve())
  expect(await vault.inspect(root, web)).toMatchObject({ isNeverRevealed: true, owner: 0 })
})

test('a box is given to another owner by root and by its owner alone; who gave it keeps nothing but grants', async () => {
  const opened = await open()
  const { vault } = opened
  const [bob, carol]: Caller[] = [1001, 1002].map(uid => ({ kind: 'user', uid, gid: uid, pid: 1 }))
  if (bob === undefined || carol === undefined) throw new Error('nobody')
  await vault.create(root, db)
  const every = ['info', 'use', 'write', 'manage', 'reveal'] as const
  await give(opened, grantOf('user:1002', 'db', { rights: every, expires: null }))
  await vault.own(root, db, 1000, null)
  expect(await vault.inspect(alice, db)).toMatchObject({ owner: 1000, newest: { version: 1 } })
  for (const other of [bob, carol])
    await expect(vault.own(other, db, 1002, null)).rejects.toMatchObject({
      code: 'denied',
      message: `uid ${other === bob ? 1001 : 1002} may not box.own`,
      hint: 'ask as root, or as the owner of the box'
    })
  await expect(vault.own(alice, db, 1001, 2)).rejects.toMatchObject({ code: 'precondition' })
  await expect(vault.own(root, web, 1001, null)).rejects.toMatchObject({ code: 'not_found' })
  await expect(vault.own(alice, web, 1001, null)).rejects.toMatchObject({ code: 'denied' })
  await vault.own(alice, db, 1001, 1)
  const check = async ({ vault }: Pick<typeof opened, 'vault'>): Promise<void> => {
    expect(await vault.inspect(bob, db)).toMatchObject({ owner: 1001 })
    for (const act of [vault.inspect(alice, db), vault.list(alice), vault.own(alice, db, 1000, null)])
      await expect(act).rejects.toMatchObject({ code: 'denied' })
  }
  await check(opened)
  await opened.close()
  const again = await open()
  await check(again)
  await again.vault.own(bob, db, 0, null)
  await expect(again.vault.inspect(bob, db)).rejects.toMatchObject({ code: 'denied' })
  expect(await again.vault.inspect(root, db)).toMatchObject({ owner: 0 })
})

test('what somebody may for a time they let nobody do for longer: neither themselves, nor others, nor by way of others', async () => {
  const opened = await open()
  const { vault, granting } = opened
  const [first, last] = ['2090-01-01T00:00:00.000Z', '2091-01-01T00:00:00.000Z']
  await vault.create(root, db)
  await give(
    opened,
    grantOf('user:1000', 'd*', { rights: ['manage', 'reveal'], expires: first }),
    grantOf('group:1000', 'db', { id: 'b'.repeat(32), rights: ['manage'], expires: last })
  )
  const bob: Caller = { kind: 'user', uid: 1001, gid: 1001, pid: 1 }
  const add = (caller: Caller, to: string, boxes: string, right: Right, expires: string | null) =>
    granting.grant(caller, {
      ...{ subject: parseSubject(to), boxes: parseBoxPattern(boxes), rights: [right], note: '', expires }
    })
  for (const [to, boxes, right, expires, until] of [
    ['user:1000', 'db', 'manage', null, last],
    ['user:1001', 'db', 'manage', '2091-01-01T00:00:00.001Z', last],
    ['user:1000', 'd*', 'manage', last, first],
    ['user:1000', 'db', 'reveal', last, first],
    ['container:web', 'db', 'use', null, last]
  ] as const)
    await expect(add(alice, to, boxes, right, expires)).rejects.toMatchObject({
      code: 'denied',
      message: `uid 1000 may ${right === 'reveal' ? '"manage" and "reveal"' : '"manage"'} on "${boxes}" until ${until}, and grant nothing beyond that`,
      hint: `let it end then, or before: --expires ${until}`
    })
  await add(alice, 'user:1001', 'db', 'manage', last)
  await expect(add(bob, 'user:1001', 'db', 'manage', null)).rejects.toMatchObject({ code: 'denied' })
  await add(bob, 'user:1002', 'db', 'info', first)
  // An owner has no end, and root may all.
  await vault.own(root, db, 1000, null)
  await add(alice, 'user:1002', 'db', 'manage', null)
  await add(root, 'user:1002', 'd*', 'manage', null)
})

test('a grant to containers on a glob closes no box that was made for one container', async () => {
  const { vault, granting } = await open()
  const ephemeral = parseBoxName(`ephemeral-${'0a'.repeat(16)}`)
  await vault.create(root, ephemeral)
  await vault.create(root, db)
  const wish = { rights: ['use'] as const, note: '', expires: null, subject: parseSubject('container:web') }
  await granting.grant(root, { ...wish, boxes: parseBoxPattern('*') })
  const later = parseBoxName(`ephemeral-${'0b'.repeat(16)}`)
  await vault.create(root, later)
  const usersOf = (box: BoxName) =>
    vault.open({ kind: 'engine' }, 'mount', { box, volume, mount }, null, opened =>
      Promise.resolve(opened.users)
    )
  expect([await usersOf(ephemeral), await usersOf(later)]).toEqual([null, null])
  expect((await usersOf(db))?.length).toBe(1)
  await granting.revoke(root, parseBoxPattern('*'), wish.subject, null)
  expect([await usersOf(ephemeral), await usersOf(db)]).toEqual([null, []])
})

test('one person makes no more than their share of grants, and people leave room for root', async () => {
  const opened = await open()
  const { vault, store, sealing } = opened
  await vault.create(root, db)
  await vault.own(root, db, 1000, null)
  const wish = { rights: ['info'] as const, boxes: patternOfBox(db), note: '', expires: null }
  const made = (keyring: Keyring, by: number, from: number, count: number): Write[] =>
    Array.from({ length: count }, (_, i) =>
      putGrant(
        keyring,
        grantOf('user:5', `x${i}`, { by, id: (from + i).toString(16).padStart(32, '0'), expires: null })
      )
    )
  await store.commit(made(await sealing.keyring(), 1000, 0, 999))
  await opened.close()
  const again = await open()
  const give = (caller: Caller, uid: number): Promise<unknown> =>
    again.granting.grant(caller, { ...wish, subject: parseSubject(`user:${uid}`) })
  await give(alice, 1)
  await expect(give(alice, 2)).rejects.toMatchObject({
    code: 'too_large',
    message: 'you have made 1000 grants, more than that cannot be'
  })
  await give(root, 3)
  await again.store.commit(made(await again.sealing.keyring(), 7, 5000, 8000))
  await again.close()
  const last = await open()
  await last.vault.own(root, db, 1001, null)
  const bob: Caller = { kind: 'user', uid: 1001, gid: 1001, pid: 1 }
  const wishOf = (uid: number) => ({ ...wish, subject: parseSubject(`user:${uid}`) })
  await expect(last.granting.grant(bob, wishOf(4))).rejects.toMatchObject({
    code: 'too_large',
    message: 'there are 9001 grants, more than that cannot be'
  })
  await last.granting.grant(root, wishOf(4))
})

test('what tells of names is done and counted when it is not recorded, and what must be recorded is not done', async () => {
  const { store, sealing, audit } = await open()
  let [stands, may] = [1, true]
  const flood = { admit: () => stands, mayDo: () => may }
  const gate = createGate({ sealing, audit, policies: createPolicies(store), flood })
  const keyring = await sealing.keyring()
  await store.commit([
    putGrant(keyring, grantOf('user:1000', 'db', { rights: ['info', 'reveal'], expires: null }))
  ])
  const reveal = { box: db, path: 'f' }
  const act = (fails = false): Promise<string> =>
    gate.run(alice, 'box.inspect', { box: db }, () =>
      fails ? Promise.reject(new SecretboxError('not_found', 'x')) : Promise.resolve('done')
    )
  expect(await act()).toBe('done')
  stands = 0
  expect(await act()).toBe('done')
  await expect(act(true)).rejects.toThrow('x')
  stands = 3
  expect(await act()).toBe('done')
  await expect(act(true)).rejects.toThrow('x')
  await gate.run(alice, 'box.reveal', reveal, () => Promise.resolve())
  may = false
  await expect(gate.run(alice, 'box.reveal', reveal, () => Promise.resolve())).rejects.toMatchObject({
    code: 'too_many',
    message: 'uid 1000 asks too often'
  })
  await gate.run(root, 'box.reveal', reveal, () => Promise.resolve())
  const lines = await Array.fromAsync(audit.read(keyring, { limit: Infinity }))
  expect(lines.filter(isEntry).map(({ action, times, failed }) => [action, times, failed])).toEqual([
    ['box.inspect', undefined, undefined],
    ['box.inspect', 3, undefined],
    ['box.inspect', 3, 'not_found'],
    ['box.reveal', undefined, undefined],
    ['box.reveal', undefined, undefined]
  ])
})

test('for people who are not root a sealed vault does not try to open', async () => {
  const before = await open()
  await before.close()
  renameSync(before.keyFile, `${before.keyFile}-away`)
  const { sealing, gate, standing } = await open()
  renameSync(`${before.keyFile}-away`, before.keyFile)
  expect(standing({ uid: 1000, gid: 1000, groups: [] })).toBe('stranger')
  await expect(gate.allow(alice, 'volume.list')).rejects.toMatchObject({ code: 'sealed' })
  await expect(gate.refuseHopeless(alice, ['grant.add'], null)).rejects.toMatchObject({ code: 'sealed' })
  // What was begun meanwhile would be done by then.
  await readFile(before.keyFile)
  for (let i = 0; i < 50; i++) await new Promise(setImmediate)
  expect(sealing.isSealed()).toBe(true)
  await gate.allow(root, 'volume.list')
  expect(sealing.isSealed()).toBe(false)
})
