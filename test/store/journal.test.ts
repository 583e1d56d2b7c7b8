import { renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { parseBoxName } from '../../src/base/names.ts'
import type { MountId, VolumeName } from '../../src/base/names.ts'
import type { Store } from '../../src/store/store.ts'
import { isDamage, isEntry, type AuditLine } from '../../src/vault/audit/reading.ts'
import { waitingWipe } from '../../src/vault/audit/journal.ts'
import { root, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const openVault = useVault()
/** Of which the audit has begun. */
const open: typeof openVault = async settings => {
  const opened = await openVault(settings)
  if (!opened.sealing.isSealed()) await opened.vault.list(root)
  return opened
}
const [volume, mount] = ['v' as VolumeName, 'a'.repeat(64) as MountId]

async function lines({ audit, sealing }: OpenVault): Promise<AuditLine[]> {
  return Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
}

async function wipes(opened: OpenVault): Promise<object[]> {
  expect((await lines(opened)).filter(isDamage)).toEqual([])
  return (await lines(opened)).filter(isEntry).filter(({ action }) => action === 'copy.wipe')
}

async function waiting({ store }: OpenVault): Promise<number> {
  return (await Array.fromAsync(store.list('journal/'))).length
}

test('what was wiped while the vault was sealed is taken in once, in its order, and marked', async () => {
  const opened = await open()
  await opened.vault.list(root)
  await opened.keyslots.seal(root)
  await opened.store.commit([waitingWipe({ kind: 'engine' }, { volume, mount })])
  await opened.store.commit([waitingWipe(root, { volume, mount })])
  await opened.store.commit([{ remove: 'sealed' }])
  await opened.close()
  const again = await open()
  const said = { volume, mount, decision: 'allowed', unauthenticated: expect.any(String) as string }
  expect(await wipes(again)).toMatchObject([
    { ...said, caller: { kind: 'engine' } },
    { ...said, caller: { kind: 'user', uid: 0 } }
  ])
  expect(await waiting(again)).toBe(0)
  await again.close()
  expect(await wipes(await open())).toHaveLength(2)
})

test.each(['before', 'after'])(
  'a power cut right %s one is taken in neither loses one nor has it twice',
  async when => {
    const opened = await open()
    for (let n = 0; n < 3; n++)
      await opened.store.commit([waitingWipe({ kind: 'engine' }, { volume, mount: `${n}`.repeat(64) })])
    await opened.close()
    let left = 1
    const wrap = (store: Store): Store => ({
      ...store,
      async commit(writes, onCommitted) {
        if (left === 0 && when === 'before') throw new Error('power cut')
        await store.commit(writes, onCommitted)
        if (left-- === 0) throw new Error('power cut')
      }
    })
    const cut = await open({ wrap })
    expect(cut.sealing.isSealed()).toBe(true)
    expect(left).toBeLessThan(1)
    await cut.close()
    const again = await open()
    expect(await wipes(again)).toMatchObject(['0', '1', '2'].map(n => ({ mount: n.repeat(64) })))
    expect(await waiting(again)).toBe(0)
  }
)

test.each([
  '',
  'x',
  '{}',
  '{"at":"2026-01-01T00:00:00Z","caller":{"kind":"container"},"volume":"v","mount":"x"}'
])(
  'a row that somebody put there with %j is told of, and nothing else is kept from being taken in',
  async text => {
    const opened = await open()
    await opened.store.commit([
      { put: 'journal/0', value: Buffer.from(text === '' ? '\0'.repeat(9000) : text) }
    ])
    await opened.store.commit([waitingWipe({ kind: 'engine' }, { volume, mount })])
    await opened.close()
    const again = await open()
    expect(await wipes(again)).toMatchObject([
      { volume, mount },
      { failed: 'damaged', count: 1 }
    ])
    expect(await waiting(again)).toBe(0)
  }
)

test('of more than anybody waits for the rest is told of at once, and does not push out what the audit has', async () => {
  const opened = await open()
  const box = parseBoxName('db')
  await opened.vault.create(root, box)
  await opened.vault.destroy(root, box, null)
  const row = waitingWipe({ kind: 'engine' }, { volume, mount })
  if (!('put' in row)) throw new Error('no put')
  await opened.store.commit(
    Array.from({ length: 1200 }, (_, n) => ({ ...row, put: `${row.put.slice(0, -4)}${1000 + n}` }))
  )
  await opened.close()
  const again = await open()
  const taken = await wipes(again)
  expect(taken.slice(0, -1)).toMatchObject(Array(256).fill({ volume, mount }))
  expect(taken.slice(-1)).toMatchObject([{ failed: 'damaged', count: 1200 - 256 }])
  expect(taken).toHaveLength(257)
  expect(await waiting(again)).toBe(0)
  expect((await lines(again)).filter(isEntry).map(({ action }) => action)).toContain('box.destroy')
})

test.each([
  ['a key that is not UTF-8', "CAST(x'6a6f75726e616c2f30ff' AS TEXT), 1"],
  ['a key that none of ours is', "'journal/0', 1"],
  ['the greatest revision', `'journal/2026-01-01T00:00:00.000Z-0123456789abcdef', ${Number.MAX_SAFE_INTEGER}`]
])('a row with %s is cleared away, and keeps nothing from being done', async (_what, columns) => {
  const opened = await open()
  const row = waitingWipe({ kind: 'engine' }, { volume, mount })
  if (!('put' in row)) throw new Error('no put')
  await opened.store.commit([row])
  await opened.close()
  const database = new DatabaseSync(opened.storeFile)
  database.prepare(`INSERT INTO records VALUES (${columns}, ?)`).run(row.value)
  database.close()
  const again = await open()
  expect(await wipes(again)).toMatchObject([
    { volume, mount },
    { failed: 'damaged', count: 1 }
  ])
  expect(await waiting(again)).toBe(0)
})

test('that nothing can be taken in keeps nothing from being swept', async () => {
  const opened = await open()
  const blob = 'a'.repeat(32)
  await opened.store.commit([
    { put: `staging/${blob}/${blob}`, value: Buffer.of(1) },
    { put: `blob/${blob}/${blob}/00000000`, value: Buffer.of(1) },
    waitingWipe({ kind: 'engine' }, { volume, mount })
  ])
  await opened.close()
  const wrap = (store: Store): Store => ({
    ...store,
    commit: (writes, onCommitted) =>
      writes.some(write => 'put' in write)
        ? Promise.reject(new SecretboxError('full', 'no room is left'))
        : store.commit(writes, onCommitted)
  })
  const unswept: unknown[] = []
  const again = await openVault({ wrap, onUnswept: error => unswept.push(error) })
  expect(unswept).toMatchObject([{ code: 'full' }])
  expect(again.swept).toBe(1)
  expect(await again.store.count('staging/')).toBe(0)
  expect(await waiting(again)).toBe(1)
})

test('nothing is taken in while the key is away', async () => {
  const opened = await open()
  await opened.store.commit([waitingWipe({ kind: 'engine' }, { volume, mount })])
  await opened.close()
  renameSync(opened.keyFile, `${opened.keyFile}.away`)
  const sealed = await open()
  expect(await waiting(sealed)).toBe(1)
  renameSync(`${opened.keyFile}.away`, opened.keyFile)
  expect(await wipes(sealed)).toHaveLength(1)
})
