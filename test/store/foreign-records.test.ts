import { randomBytes } from 'node:crypto'
import { renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import {
  change,
  openVault,
  putting,
  removing,
  root,
  treeOf,
  type OpenVault,
  type VaultSettings
} from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const [db, web] = [parseBoxName('db'), parseBoxName('web')]
let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

async function open(settings?: VaultSettings): Promise<OpenVault> {
  const opened = await openVault(directory, settings)
  onTestFinished(() => opened.close().catch(() => undefined))
  return opened
}

/** Closes a vault, has somebody write to its store, and opens it again. */
async function writtenTo(opened: OpenVault, sql: string, settings?: VaultSettings): Promise<OpenVault> {
  await opened.close()
  const database = new DatabaseSync(opened.storeFile)
  database.exec(sql)
  database.close()
  return open(settings)
}

/** A vault with the box `db`, which has one large and one small file, and the box `web`, which is empty. */
async function filled(): Promise<OpenVault> {
  const opened = await open()
  for (const box of [db, web]) await opened.vault.create(root, box)
  await change(opened, db, putting('small', 'old'), putting('large', 'x'.repeat(100_000)))
  return opened
}

async function keyOf({ sealing }: OpenVault, box: string): Promise<string> {
  return `box/${(await sealing.keyring()).hideName(box)}`
}

describe('a row in the place of a box', () => {
  const manyRows = `WITH RECURSIVE i(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM i WHERE n < 299)
    INSERT INTO records SELECT 'box/' || n, 1, 'text' FROM i`

  test.each<[what: string, sql: string, damaged: number]>([
    ['of no box', "INSERT INTO records VALUES ('box/x', 1, x'00')", 1],
    ['of text', "INSERT INTO records VALUES ('box/x', 1, 'text')", 1],
    [
      'of another box',
      "INSERT INTO records SELECT 'box/x', revision, value FROM records WHERE key LIKE 'box/%' LIMIT 1",
      1
    ],
    [
      'of the audit',
      "INSERT INTO records SELECT 'box/x', 1, value FROM records WHERE key LIKE 'audit/%' LIMIT 1",
      1
    ],
    [
      'with a key that is not UTF-8',
      "INSERT INTO records VALUES (CAST(x'626f782f30ff' AS TEXT), 1, 'text')",
      1
    ],
    ['many times', manyRows, 200]
  ])('%s is told of, and hides no box', async (_what, sql, damaged) => {
    const { vault } = await writtenTo(await filled(), sql)
    const listed = await vault.list(root)
    expect(listed.boxes.map(({ name }) => name)).toEqual(['db', 'web'])
    expect(listed.damaged).toHaveLength(damaged)
  })

  test.each(["value = 'text'", "value = x'00'", "revision = 'x'", 'revision = -1', 'value = zeroblob(600)'])(
    'that was altered (%s) makes that box alone unreadable, and can be destroyed',
    async set => {
      const first = await filled()
      const opened = await writtenTo(
        first,
        `UPDATE records SET ${set} WHERE key = '${await keyOf(first, 'web')}'`
      )
      const { vault } = opened
      const damaged = { code: 'damaged', message: 'the record of box "web" is not what was written' }
      await expect(vault.inspect(root, web)).rejects.toMatchObject(damaged)
      await expect(change(opened, web, putting('a', 'x'))).rejects.toMatchObject(damaged)
      await expect(vault.create(root, web)).rejects.toMatchObject(damaged)
      await expect(vault.destroy(root, web, 1)).rejects.toMatchObject(damaged)
      await expect(vault.destroy({ kind: 'daemon' }, web, null)).rejects.toMatchObject(damaged)
      expect(await treeOf(opened, db)).toMatchObject({ small: 'old' })
      expect((await vault.list(root)).damaged).toEqual([await keyOf(opened, 'web')])
      await vault.destroy(root, web, null)
      await vault.create(root, web)
      expect((await vault.list(root)).damaged).toEqual([])
    }
  )
})

test('a manifest that was altered makes that version alone unreadable', async () => {
  const opened = await writtenTo(
    await filled(),
    "UPDATE records SET value = 'text' WHERE key LIKE 'manifest/%/000000000002'"
  )
  await expect(treeOf(opened, db)).rejects.toMatchObject({
    code: 'damaged',
    message: 'version 2 of box "db" is not what was written'
  })
  expect(await treeOf(opened, db, 1)).toEqual({})
})

test('a store without the record that says whose it is is damaged, not new, though no key file is there', async () => {
  const opened = await filled()
  await expect(
    writtenTo(opened, "DELETE FROM records WHERE key IN ('store', 'keyslot/0')")
  ).rejects.toMatchObject({
    code: 'damaged',
    message: 'the store has records, but not the one that says whose they are'
  })
})

describe('a mark of an unfinished change', () => {
  /** Puts a mark of each blob of `db` into the store. */
  const marks = `INSERT INTO records SELECT DISTINCT 'staging/' || substr(key, 6, 65), 1, x'01' FROM records
    WHERE key LIKE 'blob/%'`

  test('that somebody made of a blob that a version has goes, and the blob stays', async () => {
    const again = await writtenTo(await filled(), marks)
    expect(again.swept).toBe(0)
    expect(await again.store.count('staging/')).toBe(0)
    expect(await treeOf(again, db)).toMatchObject({ large: 'x'.repeat(100_000) })
  })

  test('of a blob that only an older version has goes, and the blob stays', async () => {
    const opened = await filled()
    await change(opened, db, removing('large'))
    const again = await writtenTo(opened, marks)
    expect(again.swept).toBe(0)
    expect(await treeOf(again, db, 2)).toMatchObject({ large: 'x'.repeat(100_000) })
  })

  test.each([
    ['its box', "key LIKE 'box/%'"],
    ['a version of its box', "key LIKE 'manifest/%/000000000002'"]
  ])('stays, with the blob, while %s cannot be read', async (_what, where) => {
    const again = await writtenTo(await filled(), `${marks}; UPDATE records SET value = x'00' WHERE ${where}`)
    expect(again.swept).toBe(0)
    expect([await again.store.count('staging/'), await again.store.count('blob/')]).toEqual([1, 1])
  })

  test('of no box goes with its blob, while all boxes can be read', async () => {
    const [box, blob] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
    const again = await writtenTo(
      await filled(),
      `INSERT INTO records VALUES ('staging/${box}/${blob}', 1, x'01'), ('blob/${box}/${blob}/00000000', 1, x'00')`
    )
    expect(again.swept).toBe(1)
    expect([await again.store.count('staging/'), await again.store.count('blob/')]).toEqual([0, 1])
  })

  test.each(['staging/', 'staging/x', 'staging/x/y/z', 'staging//', 'staging/../..'])(
    'with the key %s is left alone',
    async key => {
      const again = await writtenTo(await filled(), `INSERT INTO records VALUES ('${key}', 1, 'x')`)
      expect(again.swept).toBe(0)
      expect(await treeOf(again, db)).toMatchObject({ small: 'old' })
    }
  )

  test('does not keep the vault shut, and is seen to once the key has come', async () => {
    const first = await filled()
    const [box] = (await Array.fromAsync(first.store.list('blob/'))).map(({ key }) => key.split('/')[1])
    await first.store.commit([
      { put: `staging/${box}/${'0'.repeat(32)}`, value: Buffer.of(1) },
      { put: `blob/${box}/${'0'.repeat(32)}/00000000`, value: Buffer.of(1) }
    ])
    renameSync(first.keyFile, `${first.keyFile}.away`)
    const again = await writtenTo(first, 'SELECT 1')
    expect(again.sealing.isSealed()).toBe(true)
    expect(await again.store.count('staging/')).toBe(1)
    renameSync(`${first.keyFile}.away`, first.keyFile)
    await again.sealing.keyring()
    expect([await again.store.count('staging/'), await again.store.count('blob/')]).toEqual([0, 1])
  })
})
