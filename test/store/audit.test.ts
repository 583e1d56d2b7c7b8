import { rmSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { SecretboxError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'
import type { AuditEntry } from '../../src/vault/audit.ts'
import { parseBoxName } from '../../src/vault/names.ts'
import {
  change,
  nobody,
  openVault,
  putting,
  removing,
  root,
  type OpenVault,
  type VaultSettings
} from '../open-vault.ts'
import { temporaryDirectory } from '../temporary.ts'

const db = parseBoxName('db')
let open: (settings?: VaultSettings) => Promise<OpenVault>
beforeEach(() => {
  const directory = temporaryDirectory()
  open = async settings => {
    const opened = await openVault(directory, settings)
    onTestFinished(() => opened.close().catch(() => undefined))
    return opened
  }
})

async function entriesOf({ audit, sealing }: OpenVault, limit = 1000): Promise<AuditEntry[]> {
  return audit.newest(await sealing.keyring(), limit)
}

/** Entries as lines, oldest first. */
async function linesOf(opened: OpenVault): Promise<string[]> {
  return (await entriesOf(opened))
    .toReversed()
    .map(({ sequence, time, caller, previous, action, decision, ...subject }) => {
      expect([typeof sequence, Number.isNaN(Date.parse(time)), caller.kind]).toEqual([
        'number',
        false,
        'user'
      ])
      expect(previous).toMatch(/^[0-9a-f]{64}$/)
      return `${action} ${decision} ${JSON.stringify(subject)}`
    })
}

describe('the audit', () => {
  test('records every decision, with what it was about and which version came of it', async () => {
    const opened = await open()
    const { vault } = opened
    await vault.create(root, db)
    await change(opened, db, putting('a', 'x'), putting('b', 'y'))
    await vault.inspect(root, db)
    ;(await vault.look(root, db, 1)).wipe()
    ;(await vault.reveal(root, db, null, 'a')).wipe()
    await vault.rollback(root, db, 1, null)
    await vault.list(root)
    await expect(vault.reveal(nobody, db, null, 'a')).rejects.toMatchObject({ code: 'denied' })
    await vault.destroy(root, db, null)
    expect(await linesOf(opened)).toEqual([
      'box.create allowed {"box":"db","version":1}',
      'box.change allowed {"box":"db","version":2,"count":2}',
      'box.inspect allowed {"box":"db"}',
      'box.inspect allowed {"box":"db","version":1}',
      'box.reveal allowed {"box":"db","path":"a","version":2}',
      'box.change allowed {"box":"db","version":3}',
      'box.list allowed {"count":1}',
      'box.reveal denied {"box":"db","path":"a"}',
      'box.destroy allowed {"box":"db","version":3}'
    ])
    const [newest] = await entriesOf(opened, 1)
    expect(newest).toMatchObject({ sequence: 9, caller: root })
  })

  test('records what was allowed and then failed, with the code of the error', async () => {
    const opened = await open()
    const { vault } = opened
    const gone = parseBoxName('gone')
    const mount = { subject: { volume: 'v', mount: 'm' }, optional: false, fill: () => Promise.resolve([]) }
    await vault.create(root, db)
    await expect(vault.create(root, db)).rejects.toMatchObject({ code: 'exists' })
    await expect(vault.reveal(root, gone, null, 'a')).rejects.toMatchObject({ code: 'not_found' })
    await expect(vault.look(root, db, 9)).rejects.toMatchObject({ code: 'not_found' })
    await expect(vault.destroy(root, db, 7)).rejects.toMatchObject({ code: 'precondition' })
    await expect(vault.openForMount(root, gone, null, mount)).rejects.toMatchObject({ code: 'not_found' })
    const refused = removing('no')
    await vault.change(root, db, { edits: [refused], partial: true, ifVersion: null })
    await expect(change(opened, db, refused)).rejects.toMatchObject({ code: 'not_found' })
    expect(await linesOf(opened)).toEqual([
      'box.create allowed {"box":"db","version":1}',
      'box.create allowed {"failed":"exists","box":"db"}',
      'box.reveal allowed {"failed":"not_found","box":"gone","path":"a"}',
      'box.inspect allowed {"failed":"not_found","box":"db"}',
      'box.destroy allowed {"failed":"precondition","box":"db"}',
      'box.mount allowed {"failed":"not_found","box":"gone","volume":"v","mount":"m"}',
      'box.change allowed {"box":"db"}',
      'box.change allowed {"failed":"not_found","box":"db"}'
    ])
  })

  test('numbers its entries without a gap over restarts and concurrent work, each naming the one before it', async () => {
    let opened = await open()
    await opened.vault.create(root, db)
    await Promise.all(Array.from({ length: 10 }, (_, i) => change(opened, db, putting(`f${i}`, 'x'))))
    await opened.close()
    opened = await open()
    await opened.vault.inspect(root, db)
    expect((await entriesOf(opened)).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 12 }, (_, i) => 12 - i)
    )
    expect((await entriesOf(opened)).at(-1)?.previous).toBe('0'.repeat(64))
  })

  test('and what it records are committed together or not at all', async () => {
    let failing = false
    const commits: string[][] = []
    const opened = await open({
      wrap: (store: Store): Store => ({
        ...store,
        commit(changes) {
          commits.push(
            changes.map(one => Object.values(one)[0] as string).map(key => key.split('/')[0] ?? '')
          )
          return failing ? Promise.reject(new SecretboxError('full', 'no room')) : store.commit(changes)
        }
      })
    })
    commits.length = 0
    await opened.vault.create(root, db)
    await opened.vault.destroy(root, db, null)
    expect(commits).toEqual([
      ['box', 'manifest', 'audit'],
      ['box', 'manifest', 'blob', 'audit']
    ])
    failing = true
    await expect(opened.vault.create(root, db)).rejects.toMatchObject({ code: 'full' })
    // What cannot be recorded is not told either.
    await expect(opened.vault.list(root)).rejects.toMatchObject({ code: 'full' })
    failing = false
    expect(await opened.vault.list(root)).toEqual({ boxes: [], damaged: [] })
    expect((await entriesOf(opened)).map(({ sequence, action }) => `${sequence} ${action}`)).toEqual([
      '3 box.list',
      '2 box.destroy',
      '1 box.create'
    ])
  })

  test('goes on after a commit that failed although it was done', async () => {
    let interrupted = false
    const opened = await open({
      wrap: (store: Store): Store => ({
        ...store,
        async commit(changes) {
          await store.commit(changes)
          if (interrupted) throw new SecretboxError('unavailable', 'I/O error')
        }
      })
    })
    await opened.vault.create(root, db)
    interrupted = true
    await expect(opened.vault.inspect(root, db)).rejects.toMatchObject({ code: 'unavailable' })
    interrupted = false
    await opened.vault.inspect(root, db)
    expect((await entriesOf(opened)).map(({ sequence }) => sequence)).toEqual([4, 3, 2, 1])
  })

  test.each<[string, (opened: OpenVault, keys: string[]) => Promise<void>]>([
    ['was taken out', async ({ store }, [, , key = '']) => store.commit([{ remove: key }])],
    [
      'was altered',
      async ({ store }, [, , key = '']) => {
        const value = (await store.get(key))?.value ?? Buffer.of()
        value.writeUInt8(value.readUInt8(80) ^ 1, 80)
        await store.commit([{ put: key, value }])
      }
    ],
    [
      'was replaced by another',
      async ({ store }, [, other = '', key = '']) => {
        await store.commit([{ put: key, value: (await store.get(other))?.value ?? Buffer.of() }])
      }
    ],
    [
      'was replaced by one with the right place, by someone with the key',
      async ({ store, sealing }, [, , key = '']) => {
        const keyring = await sealing.keyring()
        const entry = JSON.parse(
          keyring.open(key, (await store.get(key))?.value ?? Buffer.of()).toString()
        ) as object
        const forged = keyring.seal(key, Buffer.from(JSON.stringify({ ...entry, decision: 'denied' })))
        await store.commit([{ put: key, value: forged }])
      }
    ]
  ])('says that it is broken when an entry %s', async (_name, tamper) => {
    const opened = await open()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await opened.vault.create(root, parseBoxName(name))
    expect(await entriesOf(opened)).toHaveLength(5)
    await tamper(
      opened,
      (await Array.fromAsync(opened.store.list('audit/'))).map(({ key }) => key)
    )
    await expect(entriesOf(opened)).rejects.toMatchObject({
      code: 'damaged',
      message: 'the audit is broken: entry 3 is not what was written'
    })
  })

  test('keeps the newest entries, also when it may keep fewer than before', async () => {
    let opened = await open({ maxAuditEntries: 8 })
    for (let i = 0; i < 12; i++) await opened.vault.create(root, parseBoxName(`box${i}`))
    expect((await entriesOf(opened)).map(({ sequence }) => sequence)).toEqual([12, 11, 10, 9, 8, 7, 6, 5])
    await opened.close()
    opened = await open({ maxAuditEntries: 3 })
    for (let i = 0; i < 5; i++) await opened.vault.list(root)
    expect((await entriesOf(opened)).map(({ sequence }) => sequence)).toEqual([17, 16, 15])
    expect(await opened.store.count('audit/')).toBe(3)
  })

  test('shows as many entries as are asked for, newest first', async () => {
    const opened = await open()
    for (const name of ['a', 'b', 'c']) await opened.vault.create(root, parseBoxName(name))
    expect((await entriesOf(opened, 2)).map(({ box }) => box)).toEqual(['c', 'b'])
  })

  test('lies sealed in the store', async () => {
    const opened = await open()
    await opened.vault.create(root, parseBoxName('a-name-to-find'))
    for await (const { value } of opened.store.list('audit/'))
      expect(value.includes('a-name-to-find') || value.includes('box.create')).toBe(false)
  })
})

test('a denial while the vault is sealed is a denial', async () => {
  const opened = await open()
  opened.sealing.wipe()
  rmSync(opened.keyFile)
  await expect(opened.vault.list(nobody)).rejects.toMatchObject({ code: 'denied' })
  await expect(opened.vault.list(root)).rejects.toMatchObject({ code: 'sealed' })
})
