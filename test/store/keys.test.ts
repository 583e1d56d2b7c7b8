import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { initialiseVault } from '../../src/crypto/keyslots/begin.ts'
import { readHeader } from '../../src/crypto/keyslots/header.ts'
import { openByKeyFile } from '../../src/crypto/keyslots/opening.ts'
import type { Store } from '../../src/store/store.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { openVault, root, type OpenVault, type VaultSettings } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount, smallDisk } from '../kit/tmpfs.ts'

const name = parseBoxName('db')

async function open(directory = temporaryDirectory(), settings: VaultSettings = {}): Promise<OpenVault> {
  const opened = await openVault(directory, settings)
  onTestFinished(() => opened.close().catch(() => undefined))
  return opened
}

/** A vault with a box, closed; its directory. */
async function closedVault(): Promise<string> {
  const directory = temporaryDirectory()
  const { vault, close } = await open(directory)
  await vault.create(root, name)
  await close()
  return directory
}

describe('a new vault', () => {
  test('writes its key for its owner alone, in a file that is never a string, and no key into the store', async () => {
    const { keyFile, keyslotParts, store, storeFile, storeId } = await open()
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    const bytes = readFileSync(keyFile)
    expect(bytes.length).toBe(80)
    expect(bytes.toString('latin1', 0, 16)).toBe('secretbox key 1\n')
    expect(bytes.toString('hex', 16, 32)).toBe(storeId)
    const header = (await readHeader(store))?.header
    if (header === undefined) throw new Error('no header')
    const { rootKey } = await openByKeyFile(keyslotParts, header, keyFile)
    const inStore = [storeFile, `${storeFile}-wal`].map(path => readFileSync(path))
    for (const key of [rootKey.bytes(), bytes.subarray(32, 64)])
      expect(inStore.some(stored => stored.includes(Buffer.from(key)))).toBe(false)
  })

  test('has an id and keys of its own', async () => {
    const [one, two] = [await open(), await open()]
    expect(one.storeId).not.toBe(two.storeId)
    expect(
      readFileSync(one.keyFile).subarray(32, 64).equals(readFileSync(two.keyFile).subarray(32, 64))
    ).toBe(false)
  })

  test('is refused where the key of another lies, which stays', async () => {
    const directory = await closedVault()
    const key = readFileSync(join(directory, 'key'))
    rmSync(join(directory, 'store.db'))
    await expect(openVault(directory)).rejects.toMatchObject({
      code: 'conflict',
      message: `cannot begin a new vault: "${join(directory, 'key')}" is the key of a vault whose store is not in the data directory`,
      hint: 'restore the data directory, or move the key file away to begin anew'
    })
    expect(readFileSync(join(directory, 'key')).equals(key)).toBe(true)
  })

  test('whose making failed before the store knew of it is begun anew', async () => {
    const directory = temporaryDirectory()
    const failing = (store: Store): Store => ({
      ...store,
      commit: () => Promise.reject(new Error('power cut'))
    })
    await expect(openVault(directory, { wrap: failing })).rejects.toThrow('power cut')
    expect(readdirSync(directory).sort()).toEqual(['key.new', 'store.db'])
    const { vault } = await open(directory)
    await vault.create(root, name)
    expect(readdirSync(directory)).not.toContain('key.new')
  })

  test('whose making failed before the key had its name is completed', async () => {
    const directory = await closedVault()
    renameSync(join(directory, 'key'), join(directory, 'key.new'))
    const { vault } = await open(directory)
    expect(await vault.inspect(root, name)).toMatchObject({ name: 'db' })
    expect(readdirSync(directory)).not.toContain('key.new')
  })

  test.skipIf(cannotMount)('says which directory cannot take its key (takes root)', async () => {
    const disk = smallDisk(1 << 20)
    const keyDirectory = join(disk.directory, 'keys')
    mkdirSync(keyDirectory)
    const { store, keyslotParts } = await open()
    await store.commit([{ remove: 'store' }])
    const before = await store.count('')
    disk.remount({ readOnly: true })
    await expect(initialiseVault({ ...keyslotParts, keyDirectory }, () => [])).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot write key file "${join(keyDirectory, 'key')}": the file system is read-only`
    })
    expect(await store.count('')).toBe(before)
  })
})

describe('a vault whose key file', () => {
  const restore = 'restore the key file from a backup; without it the boxes cannot be opened'
  const cases: [
    name: string,
    damage: (key: string) => void | Promise<void>,
    reason: (key: string, storeId: string) => { message: string; hint: string }
  ][] = [
    [
      'is missing',
      key => rmSync(key),
      key => ({
        message: `there is no key file "${key}"`,
        hint: 'put the key file back; the vault opens by itself when it is there'
      })
    ],
    [
      'is truncated',
      key => truncateSync(key, 79),
      key => ({ message: `cannot use key file "${key}": a key file has 80 bytes`, hint: restore })
    ],
    [
      'is empty',
      key => truncateSync(key, 0),
      key => ({ message: `cannot use key file "${key}": a key file has 80 bytes`, hint: restore })
    ],
    [
      'is too long',
      key => writeFileSync(key, 'x', { flag: 'a' }),
      key => ({ message: `cannot use key file "${key}": a key file has 80 bytes`, hint: restore })
    ],
    [
      'is another kind of file',
      key => writeFileSync(key, 'x'.repeat(80)),
      key => ({ message: `cannot use key file "${key}": it is not a key file`, hint: restore })
    ],
    [
      'was altered',
      key => {
        const bytes = readFileSync(key)
        bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40)
        writeFileSync(key, bytes)
      },
      key => ({ message: `cannot use key file "${key}": its checksum is wrong`, hint: restore })
    ],
    [
      'others can read',
      key => chmodSync(key, 0o640),
      key => ({
        message: `cannot use key file "${key}": others can use it (mode 0640)`,
        hint: `chmod 0600 ${key}`
      })
    ],
    [
      'is a directory',
      key => {
        rmSync(key)
        mkdirSync(key, { mode: 0o700 })
      },
      key => ({ message: `cannot read key file "${key}": it is a directory`, hint: '' })
    ],
    [
      'is a symlink to itself',
      key => {
        rmSync(key)
        symlinkSync(key, key)
      },
      key => ({
        message: `cannot read key file "${key}": it is a symlink, or its path has too many of them`,
        hint: ''
      })
    ]
  ]

  test.each(cases)(
    '%s is sealed, says why, and opens when the file is back',
    async (_name, damage, reason) => {
      const directory = await closedVault()
      const key = join(directory, 'key')
      copyFileSync(key, join(directory, 'backup'))
      await damage(key)
      const { vault, sealing, storeId } = await open(directory)
      const { message, hint } = reason(key, storeId)
      expect(sealing.isSealed()).toBe(true)
      expect(sealing.reason()).toBe(`the vault is sealed: ${message}`)
      const refused = {
        code: 'sealed',
        message: `the vault is sealed: ${message}`,
        ...(hint === '' ? {} : { hint })
      }
      await expect(vault.list(root)).rejects.toMatchObject(refused)
      await expect(vault.create(root, parseBoxName('other'))).rejects.toMatchObject(refused)

      rmSync(key, { recursive: true, force: true })
      copyFileSync(join(directory, 'backup'), key)
      expect((await vault.list(root)).boxes.map(box => box.name)).toEqual(['db'])
      expect(sealing.reason()).toBe(null)
    }
  )

  test('is of another vault is sealed, and names both', async () => {
    const [directory, other] = [await closedVault(), await closedVault()]
    copyFileSync(join(other, 'key'), join(directory, 'key'))
    const { vault, storeId } = await open(directory)
    const otherId = readFileSync(join(other, 'key')).toString('hex', 16, 32)
    await expect(vault.list(root)).rejects.toMatchObject({
      code: 'sealed',
      message: `the vault is sealed: key file "${join(directory, 'key')}" belongs to another vault`,
      hint: `the store is ${storeId}, the key is for ${otherId}`
    })
  })

  test.skipIf(process.getuid?.() !== 0)(
    'belongs to another user is sealed (giving it away takes root)',
    async () => {
      const directory = await closedVault()
      const key = join(directory, 'key')
      chownSync(key, 65534, 65534)
      const { sealing } = await open(directory)
      expect(sealing.reason()).toBe(
        `the vault is sealed: cannot use key file "${key}": it belongs to uid 65534`
      )
      await expect(sealing.keyring()).rejects.toMatchObject({ code: 'sealed', hint: `chown 0 ${key}` })
    }
  )

  test('comes while an older one is still being read opens the vault for whoever asks then', async () => {
    const directory = await closedVault()
    const [key, away] = [join(directory, 'key'), join(directory, 'away')]
    renameSync(key, away)
    const { sealing } = await open(directory)
    // Opening it waits until it is opened for writing.
    execFileSync('mkfifo', ['--mode=0600', key])
    const before = sealing.keyring().catch((error: unknown) => error)
    const slow = await openFile(key, 'w')
    renameSync(away, key)
    const now = sealing.keyring()
    await slow.close()
    expect(await before).toMatchObject({ code: 'sealed' })
    expect((await now).hideName('db')).toMatch(/^[0-9a-f]{64}$/)
  })

  test('goes while it is open stays open until it ends', async () => {
    const { vault, keyFile } = await open()
    rmSync(keyFile)
    await vault.create(root, name)
    expect((await vault.list(root)).boxes.map(box => box.name)).toEqual(['db'])
  })
})

describe('a store', () => {
  test.each(['', 'no JSON', '{"format":1,"id":"00","created":""}', '[]'])(
    'whose header is %j is refused',
    async header => {
      const directory = await closedVault()
      const { store, close } = await open(directory)
      await store.commit([{ put: 'store', value: Buffer.from(header) }])
      await close()
      await expect(openVault(directory)).rejects.toMatchObject({
        code: 'damaged',
        message: 'the store names a format that this release does not know',
        hint: 'use a release that is as new as the one that wrote it, or restore the data directory from a backup'
      })
    }
  )
})
