import { expect, test } from 'vitest'
import { isEntry } from '../../src/vault/audit/reading.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { change, nobody, putting, root, sent, treeOf } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const [db, database, other] = [parseBoxName('db'), parseBoxName('database'), parseBoxName('other')]
const freely = (): Promise<void> => Promise.resolve()
const open = useVault()

test('a renamed box is the same box: ID, versions and contents, also when the vault is opened again', async () => {
  const opened = await open()
  const { vault } = opened
  const { id } = await vault.create(root, db)
  await change(opened, db, putting('a', 'x'), putting('large', Buffer.alloc(2 << 20, 'y')))
  await change(opened, db, putting('a', 'z'))
  expect(await vault.rename(root, db, database, null, freely)).toMatchObject({
    version: 3,
    applied: 2,
    errors: []
  })
  await expect(vault.inspect(root, db)).rejects.toMatchObject({ code: 'not_found' })
  await opened.close()
  const again = await open()
  expect(await again.vault.inspect(root, database)).toMatchObject({
    id,
    name: database,
    newest: { version: 3 }
  })
  expect((await treeOf(again, database, 2))['a']).toBe('x')
  expect((await treeOf(again, database))['large']).toBe('y'.repeat(2 << 20))
  expect(await change(again, database, putting('b', 'new'))).toBe(4)
  expect((await again.vault.list(root)).boxes.map(({ name }) => name)).toEqual([database])
  await again.vault.create(root, db)
  expect(await treeOf(again, db)).toEqual({})
})

test('is recorded with both names, and found by either', async () => {
  const { vault, audit, sealing } = await open()
  await vault.create(root, db)
  await vault.rename(root, db, database, 1, freely)
  for (const box of [db, database]) {
    const lines = await Array.fromAsync(
      audit.read(await sealing.keyring(), { limit: Infinity, boxes: [box], action: 'box.rename' })
    )
    expect(lines.filter(isEntry)).toEqual([
      expect.objectContaining({
        action: 'box.rename',
        decision: 'allowed',
        box: db,
        newName: database,
        version: 1
      })
    ])
  }
})

test('nothing is renamed that may not be, that is another version, or whose new name is taken', async () => {
  const { vault } = await open()
  await vault.create(root, db)
  await vault.create(root, other)
  const refusal = new Error('in use')
  for (const [attempt, error] of [
    [
      vault.rename(nobody, db, database, null, freely),
      { code: 'denied', message: 'uid 65534 may not box.rename' }
    ],
    [vault.rename(root, database, other, null, freely), { code: 'not_found' }],
    [vault.rename(root, db, other, null, freely), { code: 'exists', message: 'box "other" exists already' }],
    [vault.rename(root, db, db, null, freely), { code: 'exists' }],
    [vault.rename(root, db, database, 7, freely), { code: 'precondition' }],
    [vault.rename(root, db, database, null, () => Promise.reject(refusal)), refusal]
  ] as const)
    await expect(attempt).rejects.toMatchObject(error)
  expect((await vault.list(root)).boxes.map(({ name }) => name)).toEqual([db, other])
})

test('of a change and renamings that come together each is done as a whole or not at all', async () => {
  const opened = await open()
  const { vault } = opened
  await vault.create(root, db)
  let go = (): void => undefined
  const gone = new Promise<void>(resolve => (go = resolve))
  // A change that began under the old name and whose contents are still under way.
  async function* slow(): AsyncGenerator<Buffer> {
    await gone
    yield* sent('late')
  }
  const late = vault.change(root, db, {
    edits: [{ ...putting('late', ''), bytes: slow() } as ReturnType<typeof putting>],
    partial: false,
    ifVersion: null
  })
  const settled = expect(late).rejects.toMatchObject({ code: 'not_found' })
  const renamings = await Promise.allSettled([
    vault.rename(root, db, database, null, freely),
    vault.rename(root, db, other, null, freely)
  ])
  expect(renamings.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  go()
  await settled
  expect((await vault.list(root)).boxes).toHaveLength(1)
  const keys = (await Array.fromAsync(opened.store.list(''))).map(({ key }) => key)
  expect(keys.filter(key => key.startsWith('box/'))).toHaveLength(1)
  expect(keys.filter(key => key.startsWith('staging/'))).toEqual([])
})
