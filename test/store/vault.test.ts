import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import type { ChangeResult } from '../../src/vault/boxes/change.ts'
import type { IncomingEdit } from '../../src/vault/boxes/edits.ts'
import {
  parseBoxName,
  parseFilePath,
  parseMountId,
  parseVolumeName,
  type BoxName
} from '../../src/base/names.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import {
  change,
  look,
  nobody,
  putting,
  removing,
  root,
  sent,
  treeOf,
  type OpenVault
} from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

const db = parseBoxName('db')
const open = useVault()

function partially({ vault }: OpenVault, ...edits: IncomingEdit[]): Promise<ChangeResult> {
  return vault.change(root, db, { edits, partial: true, ifVersion: null })
}

/** Opens a box for a purpose, for which its contents do not matter. */
function openFor(
  { vault }: Pick<OpenVault, 'vault'>,
  caller: Caller,
  purpose: 'reveal' | 'serve' | 'mount',
  box: BoxName
): Promise<unknown> {
  if (purpose === 'reveal')
    return vault.open(caller, purpose, { box, path: '' }, null, () => Promise.resolve())
  if (purpose === 'mount') {
    const resource = { box, volume: parseVolumeName('v'), mount: parseMountId('a') }
    return vault.open(caller, purpose, resource, null, () => Promise.resolve())
  }
  const resource = { box, path: '', service: undefined, task: undefined, image: undefined }
  return vault.open(caller, purpose, resource, null, () => Promise.resolve())
}

/** How many records there are, less the audit's. */
async function countRecords({ store }: OpenVault): Promise<number> {
  const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key)
  return keys.filter(key => !/^audit(\/|$)/.test(key)).length
}

describe('boxes', () => {
  test('are made empty with version 1, listed by name, and there when the vault is opened again', async () => {
    const first = await open()
    for (const name of ['b', 'ä', 'a']) {
      expect(await first.vault.create(root, parseBoxName(name))).toMatchObject({
        name,
        newest: { version: 1, files: 0, bytes: 0 }
      })
    }
    await first.close()
    const { vault } = await open()
    expect((await vault.list(root)).boxes.map(({ name }) => name)).toEqual(['a', 'b', 'ä'])
    expect(await vault.inspect(root, parseBoxName('ä'))).toMatchObject({ versions: [{ version: 1 }] })
  })

  test('that exist are not made again, whoever comes second', async () => {
    const { vault } = await open()
    const results = await Promise.allSettled([1, 2, 3].map(() => vault.create(root, db)))
    const refused = results
      .filter(result => result.status === 'rejected')
      .map(({ reason }) => reason as unknown)
    expect(refused).toHaveLength(2)
    for (const reason of refused)
      expect(reason).toMatchObject({ code: 'exists', message: 'box "db" exists already' })
  })

  test('that do not exist are not found, with a hint', async () => {
    const { vault } = await open()
    const missing = {
      code: 'not_found',
      message: 'no such box "db"',
      hint: 'docker vault list --boxes shows those that there are'
    }
    await expect(vault.inspect(root, db)).rejects.toMatchObject(missing)
    await expect(look({ vault }, db)).rejects.toMatchObject(missing)
    await expect(openFor({ vault }, root, 'reveal', db)).rejects.toMatchObject(missing)
    await expect(vault.destroy(root, db, null)).rejects.toMatchObject(missing)
    await expect(vault.rollback(root, db, 1, null)).rejects.toMatchObject(missing)
    await expect(change({ vault }, db, removing('a'))).rejects.toMatchObject(missing)
    // Only who wants to fill it has a use for a new box.
    const absent = { ...missing, hint: 'create it with: docker vault create db' }
    await expect(change({ vault }, db, putting('a', 'x'))).rejects.toMatchObject(absent)
    const engine = { kind: 'engine' } as const
    await expect(openFor({ vault }, engine, 'mount', db)).rejects.toMatchObject(absent)
    await expect(openFor({ vault }, engine, 'serve', db)).rejects.toMatchObject(absent)
  })

  test('that are misspelt are told of to those who may list boxes, and to nobody else', async () => {
    const { vault } = await open()
    await vault.create(root, db)
    const misspelt = parseBoxName('bd')
    await expect(vault.inspect(root, misspelt)).rejects.toMatchObject({ hint: 'did you mean "db"?' })
    await expect(change({ vault }, misspelt, putting('a', 'x'))).rejects.toMatchObject({
      hint: 'did you mean "db"? if not, create it with: docker vault create bd'
    })
    const engine = { kind: 'engine' } as const
    await expect(vault.inspect(engine, misspelt)).rejects.toMatchObject({
      hint: 'docker vault list --boxes shows those that there are'
    })
    await expect(openFor({ vault }, engine, 'mount', misspelt)).rejects.toMatchObject({
      hint: 'create it with: docker vault create bd'
    })
    await expect(vault.inspect(nobody, misspelt)).rejects.toMatchObject({
      code: 'denied',
      hint: 'ask as root, or for a grant of the right "info"'
    })
  })

  test('that are destroyed leave no record at all, and a new box of the name begins anew', async () => {
    const opened = await open()
    const before = await countRecords(opened)
    const { id } = await opened.vault.create(root, db)
    for (let i = 0; i < 3; i++)
      await change(opened, db, putting('big', randomBytes(1_500_000)), putting('small', 'x'))
    expect(await countRecords(opened)).toBeGreaterThan(before + 10)
    await opened.vault.destroy(root, db, null)
    expect(await countRecords(opened)).toBe(before)
    const again = await opened.vault.create(root, db)
    expect(again.newest.version).toBe(1)
    expect(again.id).not.toBe(id)
    expect(await treeOf(opened, db)).toEqual({})
  })
})

describe('a change', () => {
  test('makes one new version of all its edits, whatever kinds they are', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('old', 'x'), putting('dir/kept', 'y'))
    const version = await change(
      opened,
      db,
      putting('tls/key.pem', 'key', 0o4640),
      { op: 'link', path: parseFilePath('tls/copy'), mode: 0o644, to: parseFilePath('tls/key.pem') },
      { op: 'symlink', path: parseFilePath('current'), target: 'tls' },
      { op: 'directory', path: parseFilePath('empty'), mode: 0o1777 },
      putting('current/ca.pem', 'ca'),
      putting('nothing', ''),
      removing('old')
    )
    expect(version).toBe(3)
    expect(await treeOf(opened, db)).toEqual({
      dir: '/',
      'dir/kept': 'y',
      tls: '/',
      'tls/key.pem': 'key',
      'tls/copy': 'key',
      current: '-> tls',
      empty: '/',
      'tls/ca.pem': 'ca',
      nothing: ''
    })
    const { tree, info } = await look(opened, db)
    expect(tree.get(parseFilePath('tls/key.pem'))).toMatchObject({ mode: 0o4640, size: 3 })
    expect(tree.get(parseFilePath('tls/copy'))).toMatchObject({ mode: 0o644, size: 3 })
    expect(tree.get(parseFilePath('empty'))).toEqual({ type: 'directory', mode: 0o1777 })
    expect(info).toMatchObject({ version: 3, files: 9, bytes: 9 })
  })

  test('that is whole does nothing when one edit cannot be done', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    const before = await countRecords(opened)
    await expect(
      change(opened, db, putting('a', randomBytes(3_000_000)), removing('missing'), putting('b', 'x'))
    ).rejects.toMatchObject({
      code: 'not_found',
      message: 'cannot remove "missing": no such file in the box'
    })
    expect(await treeOf(opened, db)).toEqual({})
    expect(await countRecords(opened)).toBe(before)
  })

  test('that is partial does what can be done in one version, and names the rest', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    const refused = new SecretboxError('invalid', 'not a file', { hint: 'a hint' })
    const { version, applied, errors } = await partially(
      opened,
      putting('a', 'x'),
      putting('a/b', 'y'),
      { op: 'refused', path: '../dev/null', error: refused },
      { op: 'link', path: parseFilePath('l'), mode: 0, to: parseFilePath('nowhere') },
      removing('missing'),
      putting('c', 'z')
    )
    expect({ version, applied }).toEqual({ version: 2, applied: 2 })
    expect(errors.map(({ path, error }) => `${path}: ${error.code}: ${error.message}`)).toEqual([
      'a/b: invalid: cannot put "a/b": "a" is not a directory',
      '../dev/null: invalid: not a file',
      'l: invalid: cannot link "l": "nowhere" did not come before it',
      'missing: not_found: cannot remove "missing": no such file in the box'
    ])
    expect(await treeOf(opened, db)).toEqual({ a: 'x', c: 'z' })
  })

  test('of which nothing can be done, or that asks for nothing, makes no version', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    const before = await countRecords(opened)
    expect(await partially(opened, removing('a'), removing('b'))).toMatchObject({ version: 1, applied: 0 })
    expect(await partially(opened)).toEqual({ version: 1, applied: 0, errors: [], dangling: [] })
    expect((await opened.vault.inspect(root, db)).versions).toHaveLength(1)
    expect(await countRecords(opened)).toBe(before)
  })

  test('that expects another version than the newest is refused before and after it was sent', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', 'x'))
    const refused = {
      code: 'precondition',
      message: 'box "db" is at version 2, not at 1',
      hint: 'read it again, then repeat the change'
    }
    const edits = [putting('b', 'y')]
    await expect(
      opened.vault.change(root, db, { edits, partial: false, ifVersion: 1 })
    ).rejects.toMatchObject(refused)
    await expect(opened.vault.destroy(root, db, 1)).rejects.toMatchObject(refused)
    await expect(opened.vault.rollback(root, db, 1, 1)).rejects.toMatchObject(refused)
    async function* meanwhile(): AsyncGenerator<IncomingEdit> {
      yield putting('c', 'late')
      await change(opened, db, putting('d', 'between'))
    }
    await expect(
      opened.vault.change(root, db, { edits: meanwhile(), partial: false, ifVersion: 2 })
    ).rejects.toMatchObject({ code: 'precondition', message: 'box "db" is at version 3, not at 2' })
    expect(await treeOf(opened, db)).toEqual({ a: 'x', d: 'between' })
    expect(
      (await opened.vault.change(root, db, { edits: [removing('d')], partial: false, ifVersion: 3 })).version
    ).toBe(4)
  })

  test('and many others at once all land, each in a version of its own', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    await change(opened, db, putting('file', 'x'))
    const work = Array.from({ length: 12 }, (_, i) =>
      change(opened, db, putting(`f${i}`, randomBytes(40_000)))
    )
    const rollbacks = [1, 2].map(() =>
      opened.vault.rollback(root, db, 2, null).then(({ version }) => version)
    )
    const versions = await Promise.all([...work, ...rollbacks])
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, i) => i + 3))
    expect((await opened.vault.inspect(root, db)).newest.version).toBe(16)
  })

  test('of a box that is destroyed meanwhile is not found, and leaves nothing', async () => {
    const opened = await open()
    const before = await countRecords(opened)
    await opened.vault.create(root, db)
    async function* contents(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(2 << 20, 1)
      await opened.vault.destroy(root, db, null)
      yield Buffer.alloc(2 << 20, 2)
    }
    const edit: IncomingEdit = { op: 'file', path: parseFilePath('f'), mode: 0, bytes: contents() }
    await expect(change(opened, db, edit)).rejects.toMatchObject({
      code: 'not_found',
      message: 'no such box "db"'
    })
    expect(await countRecords(opened)).toBe(before)
  })

  test('of a box that is made anew meanwhile is a conflict, and leaves the new one alone', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    async function* contents(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(2 << 20, 1)
      await opened.vault.destroy(root, db, null)
      await opened.vault.create(root, db)
    }
    const edit: IncomingEdit = { op: 'file', path: parseFilePath('f'), mode: 0, bytes: contents() }
    await expect(change(opened, db, edit)).rejects.toMatchObject({
      code: 'conflict',
      message: 'box "db" was destroyed and made anew during the change'
    })
    expect(await treeOf(opened, db)).toEqual({})
    expect(await opened.store.count('blob/')).toBe(0)
    expect(await opened.store.count('staging/')).toBe(0)
  })

  test('that is destroyed at the same moment as others change is destroyed, and a change after that not found', async () => {
    const opened = await open()
    await opened.vault.create(root, db)
    const results = await Promise.allSettled([
      change(opened, db, putting('a', 'x')),
      opened.vault.destroy(root, db, null),
      change(opened, db, putting('b', 'x')),
      opened.vault.destroy(root, db, null)
    ])
    const reasons = results.flatMap(result =>
      result.status === 'rejected' ? [result.reason as unknown] : []
    )
    for (const reason of reasons) expect(reason).toMatchObject({ code: 'not_found' })
    await expect(opened.vault.inspect(root, db)).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('limits', () => {
  const limits = { maxBoxBytes: 100_000, maxBoxEntries: 5 }

  test('of bytes hold for one file, for many, and for what is there already', async () => {
    const opened = await open({ limits })
    await opened.vault.create(root, db)
    await change(opened, db, putting('a', Buffer.alloc(60_000)))
    const before = await countRecords(opened)
    await expect(change(opened, db, putting('b', Buffer.alloc(100_001)))).rejects.toMatchObject({
      code: 'too_large',
      message: 'a box holds at most 100000 bytes',
      hint: 'raise MAX_BOX_BYTES, or split the box'
    })
    await expect(change(opened, db, putting('b', Buffer.alloc(40_001)))).rejects.toMatchObject({
      code: 'too_large',
      message: 'a box holds at most 100000 bytes, not 100001'
    })
    await expect(
      partially(opened, ...[1, 2, 3].map(i => putting(`${i}`, Buffer.alloc(40_000))))
    ).rejects.toMatchObject({ code: 'too_large' })
    expect(await countRecords(opened)).toBe(before)
    expect(await change(opened, db, putting('b', Buffer.alloc(40_000)))).toBe(3)
    expect(await change(opened, db, putting('b', Buffer.alloc(39_000)))).toBe(4)
  })

  test('of bytes stop an endless upload', async () => {
    const opened = await open({ limits })
    await opened.vault.create(root, db)
    let taken = 0
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        taken++
        await Promise.resolve()
        yield Buffer.alloc(1000)
      }
    }
    const edit: IncomingEdit = { op: 'file', path: parseFilePath('f'), mode: 0, bytes: endless() }
    await expect(change(opened, db, edit)).rejects.toMatchObject({ code: 'too_large' })
    expect(taken).toBe(101)
  })

  test('of entries hold for a change and for what is there already, directories and symlinks counted', async () => {
    const opened = await open({ limits })
    await opened.vault.create(root, db)
    await change(opened, db, putting('a/b/c', 'x'), { op: 'symlink', path: parseFilePath('l'), target: 'a' })
    await expect(change(opened, db, putting('d', ''), putting('e', ''))).rejects.toMatchObject({
      code: 'too_large',
      message: 'a box holds at most 5 entries, not 6',
      hint: 'raise MAX_BOX_ENTRIES, or split the box'
    })
    expect(await change(opened, db, putting('d', ''))).toBe(3)
  })

  test('of entries stop an endless tree', async () => {
    const opened = await open({ limits })
    await opened.vault.create(root, db)
    let taken = 0
    async function* endless(): AsyncGenerator<IncomingEdit> {
      for (;;) {
        await Promise.resolve()
        yield { op: 'directory', path: parseFilePath(`d${taken++}`), mode: 0o755 }
      }
    }
    const request = { edits: endless(), partial: true, ifVersion: null }
    await expect(opened.vault.change(root, db, request)).rejects.toMatchObject({
      code: 'too_large',
      message: 'a box holds at most 5 entries'
    })
    expect(taken).toBe(6)
  })
})

describe('what lies in the store', () => {
  test('shows no name, path, target or content, in keys, values and files', async () => {
    const opened = await open()
    const marks = {
      box: 'canary-box-name',
      path: 'canary-path',
      target: 'canary-target',
      small: `canary-small-${randomBytes(8).toString('hex')}`,
      large: `canary-large-${randomBytes(8).toString('hex')}`
    }
    const box = parseBoxName(marks.box)
    await opened.vault.create(root, box)
    await change(
      opened,
      box,
      putting(`${marks.path}/small`, marks.small),
      putting(`${marks.path}/large`, marks.large.repeat(50_000)),
      { op: 'symlink', path: parseFilePath('l'), target: marks.target }
    )
    await opened.vault.rollback(root, box, 2, null)
    const seen = (): Buffer =>
      Buffer.concat(readdirSync(opened.directory).map(file => readFileSync(join(opened.directory, file))))
    const hidden = (bytes: Buffer): string[] =>
      Object.values(marks).filter(
        mark => bytes.includes(mark) || bytes.includes(Buffer.from(mark).toString('hex'))
      )
    expect(readdirSync(opened.directory)).toContain('store.db-wal')
    expect(hidden(seen())).toEqual([])
    for await (const { key, value } of opened.store.list('')) {
      expect(hidden(Buffer.concat([Buffer.from(key), value]))).toEqual([])
    }
    await opened.close()
    expect(hidden(seen())).toEqual([])
  })

  test('of small boxes looks alike', async () => {
    const opened = await open()
    const lengths = new Set<string>()
    for (const [name, contents] of [
      ['a', 'x'],
      ['a-longer-name', 'x'.repeat(64)]
    ]) {
      const box = parseBoxName(name ?? '')
      const { id } = await opened.vault.create(root, box)
      await change(opened, box, putting('pw', contents ?? ''))
      const records = await Array.fromAsync(opened.store.list(`manifest/${id}/`))
      lengths.add(records.map(({ value }) => value.length).join())
    }
    for await (const { value } of opened.store.list('box/')) lengths.add(`box ${value.length}`)
    expect(lengths.size).toBe(2)
  })

  test('swapped for another box, another version or an older state of it does not open', async () => {
    const opened = await open()
    const other = parseBoxName('other')
    const { id } = await opened.vault.create(root, db)
    const { id: otherId } = await opened.vault.create(root, other)
    await change(opened, db, putting('a', 'x'))
    const key = (box: string, version: number): string =>
      `manifest/${box}/${String(version).padStart(12, '0')}`
    const valueOf = async (at: string): Promise<Buffer> => (await opened.store.get(at))?.value ?? Buffer.of()
    for (const from of [key(id, 1), key(otherId, 1)]) {
      await opened.store.commit([{ put: key(id, 2), value: await valueOf(from) }])
      await expect(look(opened, db)).rejects.toMatchObject({ code: 'damaged' })
    }
  })

  test('with a chunk missing or cut breaks the reading off instead of giving less', async () => {
    const opened = await open()
    const { id } = await opened.vault.create(root, db)
    await change(opened, db, putting('a', randomBytes(3 << 20)))
    const chunks = await Array.fromAsync(opened.store.list(`blob/${id}/`))
    expect(chunks).toHaveLength(3)
    const [, second] = chunks
    if (second === undefined) throw new Error('no chunk')
    await opened.store.commit([{ put: second.key, value: second.value.subarray(0, -1) }])
    await expect(treeOf(opened, db)).rejects.toMatchObject({ code: 'damaged' })
    await opened.store.commit([{ remove: second.key }])
    await expect(treeOf(opened, db)).rejects.toMatchObject({ code: 'conflict' })
  })
})

test('nobody but root may do anything, and learns nothing of what there is', async () => {
  const { vault } = await open()
  await vault.create(root, db)
  const denied = (action: string): object => ({
    code: 'denied',
    message: `uid 65534 may not ${action}`,
    hint: expect.stringMatching(
      /^ask as root, or for a grant of the right( "(info|manage|write|reveal)"|s "manage" and "reveal")$/
    ) as string
  })
  for (const box of [db, parseBoxName('missing')]) {
    await expect(vault.inspect(nobody, box)).rejects.toMatchObject(denied('box.inspect'))
    await expect(look({ vault }, box, null, nobody)).rejects.toMatchObject(denied('box.inspect'))
    await expect(openFor({ vault }, nobody, 'reveal', box)).rejects.toMatchObject(denied('box.reveal'))
    await expect(vault.create(nobody, box)).rejects.toMatchObject(denied('box.create'))
    await expect(vault.destroy(nobody, box, null)).rejects.toMatchObject(denied('box.destroy'))
    await expect(vault.rollback(nobody, box, 1, null)).rejects.toMatchObject(denied('box.change'))
    await expect(
      vault.change(nobody, box, { edits: [], partial: false, ifVersion: null })
    ).rejects.toMatchObject(denied('box.change'))
  }
  await expect(vault.list(nobody)).rejects.toMatchObject(denied('box.list'))
  expect((await vault.inspect(root, db)).newest.version).toBe(1)
})

test('bytes that are sent to a change are zeroed once they are taken in', async () => {
  const opened = await open()
  await opened.vault.create(root, db)
  for (const length of [10, 20_000, 3 << 20]) {
    const pieces: Buffer[] = []
    async function* kept(): AsyncGenerator<Buffer> {
      for await (const piece of sent(Buffer.alloc(length, 7))) {
        // Part of something larger: memory of its own would be given back, and could not be looked at.
        const part = Buffer.concat([Buffer.alloc(1), piece]).subarray(1)
        pieces.push(part)
        yield part
      }
    }
    await change(opened, db, { op: 'file', path: parseFilePath('f'), mode: 0, bytes: kept() })
    expect(pieces.every(piece => piece.every(byte => byte === 0))).toBe(true)
  }
})
