import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Store, StoredRecord, Write } from '../../src/store/store.ts'

/** A kind of store under test. `open` gives one on the same place each time; the contract closes what it opened. */
export interface Place {
  open(): Promise<Store>
}

const put = (key: string, text: string, expected?: number | null): Write => ({
  put: key,
  value: Buffer.from(text),
  ...(expected === undefined ? {} : { expect: expected })
})
const remove = (key: string, expected?: number): Write => ({
  remove: key,
  ...(expected === undefined ? {} : { expect: expected })
})

async function textOf(store: Store, key: string): Promise<string | null> {
  return (await store.get(key))?.value.toString() ?? null
}

async function keysOf(
  ...args: Parameters<Store['list']> | [Store, ...Parameters<Store['list']>]
): Promise<string[]> {
  const [store, ...rest] = args as [Store, ...Parameters<Store['list']>]
  return (await Array.fromAsync(store.list(...rest))).map(({ key }: StoredRecord) => key)
}

/** What every store promises; each kind of store runs it over `place`, called anew in every test. */
export function describeStore(name: string, place: () => Place): void {
  const withStore = async (use: (store: Store) => Promise<void>, at: Place = place()): Promise<void> => {
    const store = await at.open()
    try {
      await use(store)
    } finally {
      await store.close()
    }
  }

  describe(name, () => {
    test('an absent record is null, a present one comes with its bytes and revision', () =>
      withStore(async store => {
        expect(await store.get('a')).toBe(null)
        const value = Buffer.from([0, 255, 10, 0])
        await store.commit([{ put: 'a', value }])
        expect(await store.get('a')).toEqual({ key: 'a', value, revision: 1 })
        await store.commit([{ put: 'a', value: Buffer.of() }])
        expect(await store.get('a')).toEqual({ key: 'a', value: Buffer.of(), revision: 2 })
      }))

    test('a value that was read belongs to the reader: zeroing it changes nothing in the store', () =>
      withStore(async store => {
        await store.commit([put('a', 'text')])
        ;(await store.get('a'))?.value.fill(0)
        expect(await textOf(store, 'a')).toBe('text')
      }))

    test('a value that was given stays the giver’s: zeroing it after the commit changes nothing in the store', () =>
      withStore(async store => {
        const value = Buffer.from('text')
        await store.commit([{ put: 'a', value }])
        value.fill(0)
        expect(await textOf(store, 'a')).toBe('text')
      }))

    test('a removed record is gone and begins anew', () =>
      withStore(async store => {
        await store.commit([put('a', '1')])
        await store.commit([put('a', '2')])
        await store.commit([remove('a')])
        expect(await store.get('a')).toBe(null)
        await store.commit([remove('a')])
        await store.commit([put('a', '3', null)])
        expect((await store.get('a'))?.revision).toBe(1)
      }))

    test('removing all below a prefix takes these and no others', () =>
      withStore(async store => {
        const keys = ['a', 'a/', 'a/1', 'a/2/3', 'a/~', 'a0', 'b']
        await store.commit(keys.map(key => put(key, key)))
        await store.commit([{ removeAll: 'a/' }])
        expect(await keysOf(store, '')).toEqual(['a', 'a/', 'a0', 'b'])
      }))

    test('records are listed by key below a prefix, forwards and backwards, as many as wanted', () =>
      withStore(async store => {
        const keys = Array.from({ length: 200 }, (_, i) => `n/${String(i).padStart(3, '0')}`)
        await store.commit([...keys.toReversed(), 'm', 'o'].map(key => put(key, key)))
        expect(await keysOf(store, 'n/')).toEqual(keys)
        expect(await keysOf(store, 'n/', { reverse: true })).toEqual(keys.toReversed())
        expect(await keysOf(store, 'n/', { limit: 65 })).toEqual(keys.slice(0, 65))
        expect(await keysOf(store, 'n/', { reverse: true, limit: 64 })).toEqual(
          keys.toReversed().slice(0, 64)
        )
        expect(await keysOf(store, 'n/', { limit: 0 })).toEqual([])
        expect(await keysOf(store, 'n/', { after: 'n/100' })).toEqual(keys.slice(101))
        expect(await keysOf(store, 'n/', { after: 'n/100', limit: 70 })).toEqual(keys.slice(101, 171))
        expect(await keysOf(store, 'n/', { after: 'n/197', reverse: true })).toEqual(['n/199', 'n/198'])
        expect(await keysOf(store, 'x/')).toEqual([])
        expect([await store.count('n/'), await store.count('n/00'), await store.count('x')]).toEqual([
          200, 10, 0
        ])
      }))

    test('commits may come while a list is read', () =>
      withStore(async store => {
        await store.commit(
          Array.from({ length: 150 }, (_, i) => put(`n/${String(i).padStart(3, '0')}`, 'old'))
        )
        const seen: string[] = []
        for await (const { key } of store.list('n/')) {
          seen.push(key)
          await store.commit([remove(key), put('m/' + key, 'new')])
        }
        expect(seen).toHaveLength(150)
        expect(await store.count('n/')).toBe(0)
      }))

    test.each<[string, Write[]]>([
      ['a record that should be new is there', [put('a', 'x', null)]],
      ['a record has another revision', [put('a', 'x', 2)]],
      ['a record that should be there is not', [put('none', 'x', 1)]],
      ['a record to remove has another revision', [remove('a', 7)]],
      ['a record to remove is not there', [remove('none', 1)]]
    ])('when %s, nothing of the commit happens', (_name, writes) =>
      withStore(async store => {
        await store.commit([put('a', 'old'), put('z/1', 'old')])
        const failing = store.commit([put('b', 'new'), { removeAll: 'z/' }, ...writes, put('c', 'new')])
        await expect(failing).rejects.toMatchObject({ code: 'conflict' })
        expect(await keysOf(store, '')).toEqual(['a', 'z/1'])
        expect(await store.get('a')).toMatchObject({ revision: 1 })
        await store.commit([put('a', 'new', 1)])
        expect(await textOf(store, 'a')).toBe('new')
      })
    )

    test('of commits that expect the same revision one wins', () =>
      withStore(async store => {
        await store.commit([put('a', 'old')])
        const results = await Promise.allSettled(
          Array.from({ length: 10 }, (_, i) => store.commit([put('a', String(i), 1)]))
        )
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        expect((await store.get('a'))?.revision).toBe(2)
      }))

    test('what was committed is there when the store is opened again', async () => {
      const at = place()
      await withStore(store => store.commit([put('a', '1'), put('b', '2')]), at)
      await withStore(async store => {
        expect(await textOf(store, 'a')).toBe('1')
        await store.commit([remove('b')])
      }, at)
      await withStore(async store => expect(await keysOf(store, '')).toEqual(['a']), at)
    })

    test('any sequence of commits leaves what a map would hold', async () => {
      const key = fc.constantFrom('a', 'a/b', 'a/c', 'b', 'b/a')
      const write = fc.oneof(
        fc
          .tuple(key, fc.uint8Array({ maxLength: 8 }), fc.option(fc.nat(3), { nil: undefined }))
          .map(([to, value, expected]): Write => ({
            put: to,
            value,
            ...(expected === undefined ? {} : { expect: expected === 0 ? null : expected })
          })),
        key.map((at): Write => ({ remove: at })),
        key.map((at): Write => ({ removeAll: `${at}/` }))
      )
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 10 }), commits =>
          withStore(async store => {
            await store.commit([{ removeAll: 'a' }, { removeAll: 'b' }, { remove: 'a' }, { remove: 'b' }])
            let model = new Map<string, { value: string; revision: number }>()
            for (const writes of commits) {
              const after = applyTo(model, writes)
              const failed = await store.commit(writes).then(
                () => false,
                () => true
              )
              expect(failed).toBe(after === null)
              model = after ?? model
            }
            const rows = (await Array.fromAsync(store.list(''))).map(({ key: at, value, revision }) => [
              at,
              { value: value.toString('hex'), revision }
            ])
            expect(rows).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
          })
        ),
        { numRuns: 25 }
      )
    })
  })
}

/** What a map would hold after the writes, or null when an expectation fails. */
function applyTo(
  before: ReadonlyMap<string, { value: string; revision: number }>,
  writes: readonly Write[]
): Map<string, { value: string; revision: number }> | null {
  const after = new Map(before)
  for (const write of writes) {
    if ('removeAll' in write) {
      for (const key of after.keys())
        if (key.startsWith(write.removeAll) && key !== write.removeAll) after.delete(key)
      continue
    }
    const key = 'put' in write ? write.put : write.remove
    const revision = after.get(key)?.revision ?? null
    if (write.expect !== undefined && write.expect !== revision) return null
    if ('put' in write)
      after.set(key, { value: Buffer.from(write.value).toString('hex'), revision: (revision ?? 0) + 1 })
    else after.delete(key)
  }
  return after
}
