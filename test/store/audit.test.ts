import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { isDamage, isEntry, type AuditLine, type AuditQuery } from '../../src/vault/audit/reading.ts'
import { parseBoxName, parseMountId, parseVolumeName, type BoxName } from '../../src/base/names.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import { change, look, nobody, putting, removing, root, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'
import { damagesOf, entriesOf, readAudit } from './read-audit.ts'

const db = parseBoxName('db')
const open = useVault()

/** Opens a box for what is at the path "a". */
function reveal({ vault }: OpenVault, caller: Caller, box: BoxName): Promise<void> {
  return vault.open(caller, 'reveal', { box, path: 'a' }, null, () => Promise.resolve())
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

/** What is told while another root key comes after so many lines. */
async function toldAcrossRotation(opened: OpenVault, after: number): Promise<AuditLine[]> {
  const told: AuditLine[] = []
  for await (const line of opened.audit.read(await opened.sealing.keyring(), { limit: Infinity })) {
    told.push(line)
    if (told.length === after) await opened.rotateRoot(root)
  }
  return told
}

test('the audit fits together for who reads it while the root key becomes another', async () => {
  const opened = await open()
  for (let n = 0; n < 130; n++) await opened.vault.list(root)
  for (const after of [1, 63, 64, 65, 100, 128, 130]) {
    const told = await toldAcrossRotation(opened, after)
    expect([after, told.filter(isDamage)]).toEqual([after, []])
    expect(told.length).toBeGreaterThan(130)
  }
})

test('what is damaged is told of also then', async () => {
  const opened = await open()
  for (let n = 0; n < 130; n++) await opened.vault.list(root)
  const key = (n: number): string => `audit/${String(n).padStart(16, '0')}`
  // Of the same number and under the same keys, but not what the next one names.
  const keyring = await opened.sealing.keyring()
  const plaintext = keyring.decrypt(key(100), (await opened.store.get(key(100)))?.value ?? Buffer.of())
  await opened.store.commit([{ put: key(100), value: keyring.encrypt(key(100), plaintext) }])
  const told = await toldAcrossRotation(opened, 10)
  expect(told.filter(isDamage)).toMatchObject([{ sequence: 100 }])
})

describe('the audit', () => {
  test('records every decision, with what it was about and which version came of it', async () => {
    const opened = await open()
    const { vault } = opened
    await vault.create(root, db)
    await change(opened, db, putting('a', 'x'), putting('b', 'y'))
    await vault.inspect(root, db)
    await look(opened, db, 1)
    await reveal(opened, root, db)
    await vault.rollback(root, db, 1, null)
    await vault.list(root)
    await expect(reveal(opened, nobody, db)).rejects.toMatchObject({ code: 'denied' })
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
    const mount = { box: gone, volume: parseVolumeName('v'), mount: parseMountId('m') }
    await vault.create(root, db)
    await expect(vault.create(root, db)).rejects.toMatchObject({ code: 'exists' })
    await expect(reveal(opened, root, gone)).rejects.toMatchObject({ code: 'not_found' })
    await expect(look(opened, db, 9)).rejects.toMatchObject({ code: 'not_found' })
    await expect(vault.destroy(root, db, 7)).rejects.toMatchObject({ code: 'precondition' })
    await expect(vault.open(root, 'mount', mount, null, () => Promise.resolve())).rejects.toMatchObject({
      code: 'not_found'
    })
    const failing = vault.open(root, 'mount', { ...mount, box: db }, null, async (_opened, record) => {
      await record([{ put: 'test', value: Buffer.of(1) }])
      throw new SecretboxError('unavailable', 'the copy cannot be written')
    })
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' })
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
      'box.mount allowed {"box":"db","volume":"v","mount":"m","version":1}',
      'box.mount allowed {"failed":"unavailable","box":"db","volume":"v","mount":"m"}',
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
      ['box', 'manifest', 'audit', 'audit'],
      ['box', 'manifest', 'blob', 'audit', 'audit']
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
          keyring.decrypt(key, (await store.get(key))?.value ?? Buffer.of()).toString()
        ) as object
        const forged = keyring.encrypt(key, Buffer.from(JSON.stringify({ ...entry, decision: 'denied' })))
        await store.commit([{ put: key, value: forged }])
      }
    ]
  ])('says that it is broken when an entry %s, and hides no other', async (how, tamper) => {
    const opened = await open()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await opened.vault.create(root, parseBoxName(name))
    expect(await entriesOf(opened)).toHaveLength(5)
    await tamper(
      opened,
      (await Array.fromAsync(opened.store.list('audit/'))).map(({ key }) => key)
    )
    const what = how === 'was taken out' ? 'entry 3 is missing' : 'entry 3 is not what was written'
    expect(await damagesOf(opened)).toEqual([what])
    const others = (await entriesOf(opened)).map(({ sequence }) => sequence)
    expect(others.filter(sequence => sequence !== 3)).toEqual([5, 4, 2, 1])
    expect((await readAudit(opened)).at(-1)).toMatchObject({ damages: 1, oldest: 1, newest: 5 })
    // It is told whatever is asked for.
    expect(await damagesOf(opened, { from: 1, boxes: [parseBoxName('b')] })).toEqual([what])
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

  test('shows what fits, as many as are asked for, and says what was looked at', async () => {
    const opened = await open()
    const [a, b] = [parseBoxName('a'), parseBoxName('b')]
    for (const name of [a, b]) await opened.vault.create(root, name)
    for (let i = 0; i < 4; i++) await opened.vault.inspect(root, i % 2 === 0 ? a : b)
    const shown = async (query: Partial<AuditQuery>): Promise<number[]> =>
      (await readAudit(opened, query)).filter(isEntry).map(({ sequence }) => sequence)
    expect(await shown({ boxes: [a] })).toEqual([1, 3, 5])
    expect(await shown({ boxes: [a], limit: 2 })).toEqual([3, 5])
    expect(await shown({ action: 'box.create' })).toEqual([1, 2])
    expect(await shown({ action: 'box.inspect', boxes: [b], limit: 1 })).toEqual([6])
    expect(await shown({ action: 'box.destroy' })).toEqual([])
    expect(await shown({ from: 5 })).toEqual([5, 6])
    const third = (await entriesOf(opened)).find(({ sequence }) => sequence === 3)
    expect(await shown({ since: third?.time ?? '' })).toEqual(expect.arrayContaining([3, 4, 5, 6]))
    expect(await shown({ since: '2999-01-01T00:00:00.000Z' })).toEqual([])
    expect((await readAudit(opened, { limit: 2 })).at(-1)).toEqual({
      ...{ checked: 2, damages: 0, from: 5, to: 6, oldest: 1, newest: 6 }
    })
  })

  test('is looked through no further than is asked for, in turns, and no further when nobody waits any more', async () => {
    const opened = await open({ maxAuditEntries: 300 })
    await opened.vault.create(root, db)
    for (let i = 0; i < 250; i++) await opened.gate.allow(root, 'status')
    const looked = await readAudit(opened, { boxes: [db], limit: 1, mostLooked: 20 })
    expect([looked.filter(isEntry), looked.at(-1)]).toEqual([
      [],
      { checked: 20, damages: 0, from: 232, to: 251, oldest: 1, newest: 251 }
    ])
    let turns = 0
    const turn = (): void => {
      turns++
      next = setImmediate(turn)
    }
    let next = setImmediate(turn)
    expect((await readAudit(opened, { boxes: [db], limit: 1 })).filter(isEntry)).toHaveLength(1)
    clearImmediate(next)
    expect(turns).toBeGreaterThan(2)
    const signal = AbortSignal.abort(new Error('gone'))
    await expect(readAudit(opened, { boxes: [db], limit: 1, signal })).rejects.toThrow('gone')
  })

  test('is read whole while it grows and while its oldest leave', async () => {
    const opened = await open({ maxAuditEntries: 200 })
    for (let i = 0; i < 220; i++) await opened.gate.allow(root, 'status')
    const lines: AuditLine[] = []
    for await (const line of opened.audit.read(await opened.sealing.keyring(), { limit: Infinity })) {
      lines.push(line)
      if (lines.length % 2 === 0 && lines.length < 120) await opened.gate.allow(root, 'status')
    }
    expect(lines.filter(isDamage)).toEqual([])
    expect(lines.filter(isEntry).length).toBeGreaterThan(199)
  })

  test('tells whoever waits that there is more', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await opened.audit.after(0)
    let told = false
    const waiting = opened.audit.after(1).then(() => (told = true))
    await new Promise(setImmediate)
    expect(told).toBe(false)
    await opened.vault.list(root)
    await waiting
  })

  test('lies sealed in the store', async () => {
    const opened = await open()
    await opened.vault.create(root, parseBoxName('a-name-to-find'))
    for await (const { value } of opened.store.list('audit/'))
      expect(value.includes('a-name-to-find') || value.includes('box.create')).toBe(false)
  })
})

test('who could only be allowed by a grant learns that the vault is sealed, and not why', async () => {
  const opened = await open()
  opened.sealing.wipe()
  rmSync(opened.keyFile)
  await expect(opened.vault.list(nobody)).rejects.toMatchObject({
    code: 'sealed',
    message: 'the vault is sealed',
    hint: 'root can see why: docker vault status'
  })
  await expect(opened.vault.list(root)).rejects.toMatchObject({ code: 'sealed' })
})

test('the audit can read whatever it has written: texts of others are cut that no entry could hold', async () => {
  const opened = await open()
  await opened.vault.create(root, db)
  const [service, task] = ['\u0001'.repeat(70_000), `${'x'.repeat(255)}\u{1f600}${'y'.repeat(70_000)}`]
  await opened.vault.open(
    { kind: 'engine' },
    'serve',
    { box: db, path: 'p'.repeat(300), service, task, image: 'i' },
    null,
    (_version, record) => record([])
  )
  await opened.vault.list(root)
  expect(await damagesOf(opened)).toEqual([])
  expect((await entriesOf(opened)).find(({ action }) => action === 'box.serve')).toMatchObject({
    box: db,
    path: `${'p'.repeat(256)}…`,
    service: `${'\u0001'.repeat(256)}…`,
    task: `${'x'.repeat(255)}\ufffd…`,
    image: 'i'
  })
})
