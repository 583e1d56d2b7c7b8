import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { parseBoxName } from '../../src/base/names.ts'
import { change, openVault, putting, removing, root, treeOf, type OpenVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const db = parseBoxName('db')
const keep = 3

type Step =
  | { readonly do: 'put'; readonly file: string }
  | { readonly do: 'remove'; readonly file: string }
  | { readonly do: 'rollback'; readonly back: number }
  | { readonly do: 'pin'; readonly back: number }
  | { readonly do: 'unpin' }

const file = fc.constantFrom('a', 'b', 'c')
const back = fc.nat({ max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), file }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), file }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rollback' as const), back }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pin' as const), back }) },
  { weight: 1, arbitrary: fc.constant({ do: 'unpin' } as const) }
)

/** What a file of more than an inline one's size holds: its number, over and over. */
function large(number: number): string {
  return `${number} `.repeat(10_000)
}

test('that are kept have their contents, and blobs of no version are gone, whatever was changed, rolled back and pinned', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 25 }), async steps => {
      const pinned = new Set<number>()
      const opened = await openVault(temporaryDirectory(), {
        limits: { maxVersions: keep },
        pinned: () => pinned
      })
      onTestFinished(() => opened.close().catch(() => undefined))
      await opened.vault.create(root, db)
      /** Which number each file of each version holds. */
      const model = new Map<number, Readonly<Record<string, number>>>([[1, {}]])
      let newest = 1
      for (const [index, one] of steps.entries()) {
        const kept = await keptVersions(opened)
        const tree = model.get(newest) ?? {}
        if (one.do === 'put') {
          newest = await change(opened, db, putting(one.file, large(index)))
          model.set(newest, { ...tree, [one.file]: index })
        } else if (one.do === 'remove') {
          if (!(one.file in tree)) continue
          const { [one.file]: _gone, ...rest } = tree
          newest = await change(opened, db, removing(one.file))
          model.set(newest, rest)
        } else if (one.do === 'unpin') {
          pinned.clear()
        } else {
          const version = kept.at(-1 - one.back) ?? newest
          if (one.do === 'pin') pinned.add(version)
          else {
            newest = (await opened.vault.rollback(root, db, version, null)).version
            model.set(newest, model.get(version) ?? {})
          }
        }
      }
      await expectWhatIsModelled(opened, model)
      await opened.close()
    }),
    { numRuns: 100 }
  )
})

async function keptVersions({ vault }: OpenVault): Promise<number[]> {
  return (await vault.inspect(root, db)).versions.map(({ version }) => version)
}

async function expectWhatIsModelled(
  opened: OpenVault,
  model: ReadonlyMap<number, Readonly<Record<string, number>>>
): Promise<void> {
  const contents = new Set<number>()
  for (const version of await keptVersions(opened)) {
    const files = Object.entries(model.get(version) ?? {})
    for (const [, number] of files) contents.add(number)
    const expected = Object.fromEntries(files.map(([path, number]) => [path, large(number)]))
    expect(await treeOf(opened, db, version), `version ${version}`).toEqual(expected)
  }
  expect(await opened.store.count('blob/')).toBe(contents.size)
}
