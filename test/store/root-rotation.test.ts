import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { parseBoxName, type MountId, type VolumeName } from '../../src/base/names.ts'
import { newBytes, Secret } from '../../src/base/secret.ts'
import { createKeyring, type Keyring } from '../../src/crypto/keyring.ts'
import { putHeader, readHeader, type Header } from '../../src/crypto/keyslots/header.ts'
import { openByKeyFile, type Credential } from '../../src/crypto/keyslots/opening.ts'
import { parseBoxPattern } from '../../src/vault/access/box-pattern.ts'
import { parseSubject } from '../../src/vault/access/subjects.ts'
import type { Store } from '../../src/store/store.ts'
import { isDamage, isEntry } from '../../src/vault/audit/reading.ts'
import { originOf, isMadeOf } from '../../src/volumes/origin.ts'
import { copyRecordsOf, putCopyRecord } from '../../src/volumes/records.ts'
import {
  change,
  openVault,
  putting,
  root,
  treeOf,
  type OpenVault,
  type VaultSettings
} from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const db = parseBoxName('db')
const [volume, mount] = ['v' as VolumeName, 'a'.repeat(64) as MountId]

async function open(directory = temporaryDirectory(), settings: VaultSettings = {}): Promise<OpenVault> {
  const opened = await openVault(directory, settings)
  onTestFinished(() => opened.close().catch(() => undefined))
  return opened
}

async function headerOf({ store }: Pick<OpenVault, 'store'>): Promise<Header> {
  const stored = await readHeader(store)
  if (stored === null) throw new Error('no header')
  return stored.header
}

/** What opens each keyslot of a vault beside its key file. */
interface Opener {
  readonly name: string
  readonly credential: () => Credential
}

/** A vault with a box, a grant, a signing key, a copy, and a keyslot of each kind but that of passphrases, which is as the others are. */
async function filled(
  directory?: string,
  settings?: VaultSettings
): Promise<{ opened: OpenVault; openers: Opener[] }> {
  const opened = await open(directory, settings)
  const { vault, keyslots, granting, identity } = opened
  await vault.create(root, db)
  await change(opened, db, putting('f', 'first'), putting('blob', Buffer.alloc(20_000, 'b')))
  await granting.grant(root, {
    subject: parseSubject('user:1000'),
    rights: ['use'],
    boxes: parseBoxPattern('db'),
    note: '',
    expires: null
  })
  await identity.show(root)
  await vault.use(root, db, null, () => Promise.resolve())
  await vault.open({ kind: 'engine' }, 'mount', { box: db, volume, mount }, null, (version, record) => {
    const facts = { mount, volume, box: db, version: version.info.version, created: new Date().toISOString() }
    const how = { path: '' as never, uid: 0, gid: 0, mode: null, dirmode: null } as never
    const origin = originOf(facts, how, version)
    return record([putCopyRecord({ ...facts, device: null, container: null, madeFor: null, origin })])
  })
  const code = await keyslots.add(root, 'safe', { kind: 'recovery' })
  const file = await keyslots.add(root, 'stick', { kind: 'key-file' })
  const key = randomBytes(32)
  const recipient = 'age1mh7ukuuxfeduhlcuevycm7ja5r76hczmp4wj2qd0eqlj8zmf6clsycapp4'
  const given = new Secret(Buffer.concat([key, Buffer.from('age-encryption.org/v1\nfor tests')]))
  await keyslots.add(root, 'host', { kind: 'recipient', given, recipient })
  const again = (kind: Credential['kind'], bytes: Uint8Array) => (): Credential => ({
    kind,
    given: new Secret(Uint8Array.from(bytes))
  })
  const openers = [
    { name: 'safe', credential: again('recovery', code?.bytes() ?? key) },
    { name: 'stick', credential: again('key-file', file?.bytes() ?? key) },
    { name: 'host', credential: again('recipient', key) }
  ]
  return { opened, openers }
}

/** What a vault says, with nothing that comes of asking. */
async function said({ vault, granting, identity, store, sealing }: OpenVault): Promise<object> {
  const keyring = await sealing.keyring()
  const boxes = (await vault.list(root)).boxes
  const [copy] = await Array.fromAsync(copyRecordsOf(store, null))
  return {
    boxes,
    tree: await treeOf({ vault }, db),
    grants: (await granting.list(root, null)).grants,
    identity: await identity.show(root),
    digest: await vault.use(root, db, null, (_version, key) => Promise.resolve(Buffer.from(key.bytes()))),
    isCopyOf: copy !== undefined && isMadeOf(copy, { box: boxes[0] ?? { id: '' }, tag: keyring.tag })
  }
}

async function damagesOf({ audit, sealing }: OpenVault): Promise<string[]> {
  const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
  return lines.filter(isDamage).map(({ damaged }) => damaged)
}

async function opensBy({ sealing }: OpenVault, openers: readonly Opener[]): Promise<void> {
  for (const { name, credential } of openers)
    expect([name, await sealing.opens(credential(), name)]).toEqual([name, true])
}

/** The keys of the root key that a key file opens in a header. */
async function keyringBy(opened: OpenVault, header: Header): Promise<Keyring> {
  const { rootKey } = await openByKeyFile(opened.keyslotParts, header, opened.keyFile)
  return createKeyring({ ...opened.keyslotParts, rootKey, storeId: opened.storeId, allocate: newBytes })
}

test('another root key opens all that the old one did, by every keyslot, and the old one opens nothing any more', async () => {
  const directory = temporaryDirectory()
  const { opened, openers } = await filled(directory)
  const before = await said(opened)
  expect(before).toMatchObject({ isCopyOf: true, tree: { f: 'first' } })
  const [header, old] = [await headerOf(opened), await keyringBy(opened, await headerOf(opened))]
  const rows = await Array.fromAsync(opened.store.list(''))
  const oldRecords = rows.filter(({ key }) => /^(box|grant|audit|identity|digest-key)/.test(key))
  await opened.rotateRoot(root)
  expect(await said(opened)).toEqual(before)
  await opensBy(opened, openers)
  expect(await damagesOf(opened)).toEqual([])

  // Nothing of what lay there is in the files, also before they are closed.
  const files = readdirSync(directory).map(name => readFileSync(join(directory, name)))
  const wrapped = header.slots
    .flatMap(slot => [slot.wrapped, slot.outer])
    .map(text => Buffer.from(text, 'base64'))
  for (const bytes of [
    ...oldRecords.map(({ value }) => value.subarray(25, 57)),
    ...wrapped.map(each => each.toString('base64'))
  ])
    expect(files.some(file => file.includes(bytes))).toBe(false)
  for await (const { key, value } of opened.store.list(''))
    if (/^(box|grant|audit|identity|digest-key)/.test(key))
      expect(() => old.decrypt(key, value)).toThrow('it was encrypted under another key')
  expect(old.hideName('db')).not.toBe((await opened.sealing.keyring()).hideName('db'))
  // Who had the old root key knows what every slot is wrapped in, and no more.
  const renewed = await headerOf(opened)
  for (const [place, slot] of renewed.slots.entries()) {
    const was = header.slots[place]
    expect([slot.id, slot.public]).toEqual([was?.id, was?.public])
    expect(() => old.decrypt(`keyslot/${slot.id}/outer`, Buffer.from(slot.outer, 'base64'))).toThrow(
      'another key'
    )
  }

  await opened.close()
  const again = await open(directory)
  expect(again.sealing.isSealed()).toBe(false)
  expect(await said(again)).toEqual(before)
  await opensBy(again, openers)
  expect(await damagesOf(again)).toEqual([])
  const actions = (
    await Array.fromAsync(again.audit.read(await again.sealing.keyring(), { limit: Infinity }))
  )
    .filter(isEntry)
    .map(({ action }) => action)
  expect(actions.filter(action => action === 'vault.rotate')).toHaveLength(1)
})

test('a keyslot that was removed before opens the old store alone, and put back into the new one it is noticed', async () => {
  const directory = temporaryDirectory()
  const { opened, openers } = await filled(directory)
  const removed = (await headerOf(opened)).slots.find(({ name }) => name === 'safe')
  await opened.keyslots.remove(root, 'safe')
  const old = await keyringBy(opened, await headerOf(opened))
  await opened.rotateRoot(root)
  const stored = await readHeader(opened.store)
  if (stored === null || removed === undefined) throw new Error('no header')
  const withIt = { ...stored.header, slots: [...stored.header.slots, removed] }
  const { revision } = stored
  // By who writes the store, and by who has the old root key beside that.
  const renewed = await opened.sealing.keyring()
  const tag = renewed.tag(`header ${JSON.stringify(stored.header)}`)
  await opened.store.commit([
    { put: 'store', value: Buffer.from(JSON.stringify({ ...withIt, tag })), expect: revision }
  ])
  await opened.close()
  const opener = openers.find(({ name }) => name === 'safe')?.credential
  if (opener === undefined) throw new Error('no opener')
  const again = await open(directory)
  const message = "the store's header is not what was written"
  expect(again.sealing.reason()).toBe(`the vault is sealed: ${message}`)
  await expect(again.sealing.unseal(opener(), 'safe')).rejects.toMatchObject({ code: 'damaged', message })
  await again.store.commit([putHeader(old, withIt, revision + 1)])
  expect(again.sealing.isSealed()).toBe(true)
  await expect(again.sealing.keyring()).rejects.toMatchObject({ code: 'sealed' })
  // It opens with the old root key, under which there is nothing any more.
  await again.sealing.unseal(opener(), 'safe')
  const { boxes, damaged } = await again.vault.list(root)
  expect([boxes, damaged]).toEqual([[], [expect.stringMatching(/^box\//)]])
})

test('what goes on meanwhile is done, and none of it is lost or done under the old root key', async () => {
  const directory = temporaryDirectory()
  const { opened } = await filled(directory)
  let isDone = false
  const made: string[] = []
  const failed: unknown[] = []
  const worker = async (number: number): Promise<void> => {
    for (let round = 0; !isDone; round++) {
      const box = parseBoxName(`w${number}-${round}`)
      await opened.vault.create(root, box)
      await change(opened, box, putting('f', `${round}`))
      if (round % 3 === 0)
        await opened.vault.rename(root, box, parseBoxName(`${box}-new`), null, () => Promise.resolve())
      made.push(round % 3 === 0 ? `${box}-new` : box)
      expect((await opened.vault.list(root)).boxes.length).toBeGreaterThan(0)
      await opened.vault.open(
        { kind: 'engine' },
        'mount',
        { box: db, volume, mount },
        null,
        (version, record) =>
          record(() => [
            putCopyRecord({
              ...{ mount, volume, box: db, version: version.info.version, created: new Date().toISOString() },
              ...{ device: null, container: null, madeFor: null }
            })
          ])
      )
    }
  }
  const work = [0, 1, 2, 3].map(number => worker(number).catch((error: unknown) => void failed.push(error)))
  for (let times = 0; times < 8; times++) await opened.rotateRoot(root)
  isDone = true
  await Promise.all(work)
  expect(failed).toEqual([])
  expect(made.length).toBeGreaterThan(0)
  await opened.close()
  const again = await open(directory)
  const { boxes, damaged } = await again.vault.list(root)
  expect(damaged).toEqual([])
  expect(boxes.map(({ name }) => name)).toEqual(expect.arrayContaining(made))
  for (const name of made)
    expect(await treeOf(again, parseBoxName(name))).toEqual({ f: expect.any(String) as string })
  expect(await damagesOf(again)).toEqual([])
})

test.each(['before', 'after'] as const)(
  'a power cut right %s the commit leaves a vault that every keyslot opens',
  async when => {
    const directory = temporaryDirectory()
    let [isFailing, isCut] = [false, false]
    const wrap = (store: Store): Store => ({
      ...store,
      async commit(writes, onCommitted) {
        if (isCut) throw new Error('no power')
        if (!isFailing) return store.commit(writes, onCommitted)
        if (when === 'after') await store.commit(writes)
        isCut = true
        throw new Error('power cut')
      }
    })
    const { opened, openers } = await filled(directory, { wrap })
    const before = await said(opened)
    isFailing = true
    await expect(opened.rotateRoot(root)).rejects.toThrow('power cut')
    await opened.close()
    const again = await open(directory)
    expect(await said(again)).toEqual(before)
    await opensBy(again, openers)
    expect(await damagesOf(again)).toEqual([])
  }
)

test('a box that cannot be read is not lost for good, and what is damaged of the audit stays so', async () => {
  const { opened } = await filled()
  const keyring = await opened.sealing.keyring()
  await opened.store.commit([{ put: 'audit/0000000000000002', value: Buffer.of(1, 2) }])
  expect(await damagesOf(opened)).toEqual(['entry 2 is not what was written'])
  await opened.rotateRoot(root)
  expect(await damagesOf(opened)).toEqual(['entry 2 is not what was written'])
  const key = `box/${keyring.hideName('db')}`
  await opened.store.commit([{ put: key, value: Buffer.alloc(200) }])
  await expect(opened.rotateRoot(root)).rejects.toMatchObject({
    code: 'damaged',
    message: `cannot make another root key: record "${key}" of a box is not what was written`
  })
  await opened.vault.destroy(root, db, null)
  await opened.rotateRoot(root)
})

test('one is made at a time, and none while the vault is sealed', async () => {
  const { opened } = await filled()
  const both = await Promise.allSettled([opened.rotateRoot(root), opened.rotateRoot(root)])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'conflict', message: 'the root key is being made another already' }
  })
  const copy = temporaryDirectory()
  mkdirSync(join(copy, 'x'))
  copyFileSync(opened.keyFile, join(copy, 'x', 'key'))
  await opened.keyslots.seal(root)
  await expect(opened.rotateRoot(root)).rejects.toMatchObject({ code: 'sealed' })
})

test.each(['add', 'replace'] as const)(
  'a keyslot that is made by %s beside it opens the vault that is there then',
  async how => {
    const directory = temporaryDirectory()
    let rotate: (() => Promise<void>) | null = null
    let looks = 0
    // The header is read, and the root key another before it is written.
    const wrap = (store: Store): Store => ({
      ...store,
      async get(key) {
        const record = await store.get(key)
        if (key !== 'store' || rotate === null || --looks > 0) return record
        const now = rotate
        rotate = null
        await now()
        return record
      }
    })
    const opened = await open(directory, { wrap })
    await opened.vault.create(root, db)
    looks = how === 'add' ? 1 : 2
    rotate = () => opened.rotateRoot(root)
    const made = await opened.keyslots[how](root, how === 'add' ? 'new' : 'key-file', { kind: 'key-file' })
    expect(rotate).toBe(null)
    await opened.close()
    writeFileSync(opened.keyFile, made?.bytes() ?? '')
    const again = await open(directory)
    expect(again.sealing.reason()).toBe(null)
    expect((await again.vault.list(root)).boxes.map(({ name }) => name)).toEqual(['db'])
    await again.rotateRoot(root)
  }
)

test('a header that somebody else wrote is not signed, and a keyslot of another root key is named', async () => {
  const { opened } = await filled()
  const { store, sealing, keyslots } = opened
  const stored = await readHeader(store)
  if (stored === null) throw new Error('no header')
  const { header, tag, revision } = stored
  const altered = { ...header, created: '2020-01-01T00:00:00.000Z', tag }
  await store.commit([{ put: 'store', value: Buffer.from(JSON.stringify(altered)), expect: revision }])
  const refused = { code: 'damaged', message: "the store's header is not what was written" }
  await expect(keyslots.remove(root, 'safe')).rejects.toMatchObject(refused)
  await expect(keyslots.add(root, 'more', { kind: 'recovery' })).rejects.toMatchObject(refused)
  await expect(opened.rotateRoot(root)).rejects.toMatchObject(refused)

  const slots = header.slots.map(slot => (slot.name === 'safe' ? { ...slot, id: '0'.repeat(16) } : slot))
  await store.commit([putHeader(await sealing.keyring(), { ...header, slots }, revision + 1)])
  await expect(opened.rotateRoot(root)).rejects.toMatchObject({
    code: 'damaged',
    message: 'cannot make another root key: keyslot "safe" is not of this one',
    hint: 'replace it: docker vault keyslot replace safe'
  })
  await keyslots.replace(root, 'safe', { kind: 'recovery' })
  await opened.rotateRoot(root)
})
