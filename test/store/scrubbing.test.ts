import { randomBytes } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { readHeader } from '../../src/crypto/keyslots/header.ts'
import { change, openVault, putting, root, type OpenVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { useVault } from '../kit/use-vault.ts'

const open = useVault()
const db = parseBoxName('db')

/** How many of these lie in the store's files, the write-ahead log included, as they are now. */
function found({ directory }: OpenVault, pieces: readonly Buffer[]): number {
  const files = readdirSync(directory)
    .filter(name => name.startsWith('store.db'))
    .map(name => readFileSync(join(directory, name)))
  return pieces.filter(piece => files.some(file => file.includes(piece))).length
}

/** A piece of each encrypted record of a kind: nonce and commitment, which are nowhere else; of a long one, its end too. */
async function piecesOf({ store }: OpenVault, prefix: string): Promise<Buffer[]> {
  const rows = await Array.fromAsync(store.list(prefix))
  return rows.flatMap(({ value }) => [value.subarray(1, 57), value.subarray(-48)])
}

async function slotPieces({ store }: OpenVault, name: string): Promise<Buffer[]> {
  const slot = (await readHeader(store))?.header.slots.find(each => each.name === name)
  return slot === undefined ? [] : [slot.wrapped, slot.outer].map(text => Buffer.from(text))
}

test('of a box that is destroyed nothing is in the files of the store, key and contents', async () => {
  const opened = await open()
  await opened.vault.create(root, db)
  // Each record of the box that was there holds its key.
  const records = await piecesOf(opened, 'box/')
  for (const round of ['1', '2', '3']) {
    await change(opened, db, putting('f', round.repeat(100)), putting('blob', Buffer.alloc(300_000, round)))
    records.push(...(await piecesOf(opened, 'box/')))
  }
  await opened.vault.rename(root, db, parseBoxName('other'), null, () => Promise.resolve())
  const pieces = [
    ...records,
    ...(await piecesOf(opened, 'box/')),
    ...(await piecesOf(opened, 'manifest/')),
    ...(await piecesOf(opened, 'blob/'))
  ]
  expect(found(opened, pieces)).toBe(pieces.length)
  await opened.vault.destroy(root, parseBoxName('other'), null)
  expect(found(opened, pieces)).toBe(0)
})

test('of a keyslot that is removed or replaced nothing is in the files of the store', async () => {
  const opened = await open()
  for (const name of ['a', 'b']) (await opened.keyslots.add(root, name, { kind: 'recovery' }))?.wipe()
  const pieces = [...(await slotPieces(opened, 'a')), ...(await slotPieces(opened, 'b'))]
  expect(found(opened, pieces)).toBe(4)
  await opened.keyslots.remove(root, 'a')
  await opened.keyslots.replace(root, 'b', { kind: 'recovery' })
  expect(found(opened, pieces)).toBe(0)
})

test('of what was removed right before a crash nothing is in the files once they are opened again', async () => {
  const crashed = Promise.reject(new Error('crashed'))
  crashed.catch(() => undefined)
  const opened = await open({ wrap: store => ({ ...store, scrub: () => crashed }) })
  await opened.keyslots.add(root, 'a', { kind: 'recovery' }).then(key => key?.wipe())
  await opened.vault.create(root, db)
  await change(opened, db, putting('f', 'small'), putting('blob', Buffer.alloc(300_000, 'b')))
  const pieces = [
    ...(await slotPieces(opened, 'a')),
    ...(await piecesOf(opened, 'box/')),
    ...(await piecesOf(opened, 'blob/'))
  ]
  expect(found(opened, pieces)).toBe(pieces.length)
  await expect(opened.keyslots.remove(root, 'a')).rejects.toThrow('crashed')
  await expect(opened.rotateBox(root, db)).rejects.toThrow('crashed')
  await expect(opened.vault.destroy(root, db, null)).rejects.toThrow('crashed')
  // What a crash would leave.
  const directory = temporaryDirectory()
  for (const name of readdirSync(opened.directory))
    copyFileSync(join(opened.directory, name), join(directory, name))
  expect(found({ ...opened, directory }, pieces)).toBe(pieces.length)
  const again = await openVault(directory)
  onTestFinished(() => again.close())
  expect(again.sealing.isSealed()).toBe(false)
  expect(found(again, pieces)).toBe(0)
})

test('of what a crash left staged nothing is in the files once it was swept', async () => {
  const opened = await open()
  const [boxId, blob] = ['a'.repeat(32), 'b'.repeat(32)]
  const value = randomBytes(60)
  await opened.store.commit([
    { put: `staging/${boxId}/${blob}`, value: Buffer.of(1) },
    { put: `blob/${boxId}/${blob}/00000000`, value }
  ])
  await opened.close()
  const again = await open()
  expect([again.swept, found(again, [value])]).toEqual([1, 0])
})

test('who destroys is told when traces may be left', async () => {
  const opened = await open({
    wrap: store => ({
      ...store,
      scrub: () => Promise.reject(new SecretboxError('full', 'no room is left'))
    })
  })
  await opened.vault.create(root, db)
  await expect(opened.vault.destroy(root, db, null)).rejects.toMatchObject({
    code: 'full',
    message: 'box "db" is destroyed, but traces of it may still lie in the store: no room is left',
    hint: 'they are overwritten in time, and when the daemon ends; make room on the disk if it is full'
  })
  expect((await opened.vault.list(root)).boxes).toEqual([])
})
