import { expect, test } from 'vitest'
import { parseBoxName, parseFilePath } from '../../src/base/names.ts'
import { whatIsInjected, type ToInject } from '../../src/vault/what-is-injected.ts'
import { change, openVault, putting, removing, root, type OpenVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { useVault } from '../kit/use-vault.ts'

/* What a container would be given: names of variables, and the digest (docs/environment.md). */

const open = useVault()
const [box, other] = [parseBoxName('app'), parseBoxName('other')]

interface Wanted {
  readonly files?: readonly { box?: typeof box; path?: string; target?: string; version?: number }[]
  readonly environment?: readonly { box?: typeof box; path?: string; version?: number }[]
}

function told(vault: Pick<OpenVault, 'vault'>, { files = [], environment = [] }: Wanted) {
  const asked: ToInject = {
    files: files.map(each => ({
      ...{ box, version: null, target: '/t', ...each },
      path: parseFilePath(each.path ?? '')
    })),
    environment: environment.map(each => ({
      ...{ box, version: null, ...each },
      path: each.path === undefined ? null : parseFilePath(each.path)
    }))
  }
  return whatIsInjected(vault.vault, root, asked)
}

async function filled(opened: OpenVault): Promise<OpenVault> {
  await opened.vault.create(root, box)
  await opened.vault.create(root, other)
  await change(opened, box, putting('d/small', 'A=1\n'), putting('large', `B=${'x'.repeat(100_000)}`))
  await change(opened, other, putting('vars', 'B=2\n', 0o755))
  return opened
}

test('names of variables and versions are told, and no value', async () => {
  const vault = await filled(await open())
  const answer = await told(vault, {
    files: [{ box: other }],
    environment: [{ path: 'd/small' }, { path: '/large', version: 2 }]
  })
  expect(answer).toEqual({
    digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    files: [{ box: 'other', version: 2 }],
    environment: [
      { box: 'app', version: 2, path: 'd/small', variables: ['A'] },
      { box: 'app', version: 2, path: 'large', variables: ['B'] }
    ]
  })
})

test('equal secrets have equal digests, and whatever differs another', async () => {
  const vault = await filled(await open())
  const digestOf = async (wanted: Wanted): Promise<string> => (await told(vault, wanted)).digest
  const first = await digestOf({ files: [{}, { box: other, target: '/o' }] })
  expect(await digestOf({ files: [{ box: other, target: '/o' }, {}] })).toBe(first)
  // Of another box, in another version, with other modes.
  await change(
    vault,
    other,
    putting('d/small', 'A=1\n', 0o777),
    putting('large', `B=${'x'.repeat(100_000)}`),
    removing('vars')
  )
  await change(vault, box, putting('d/small', 'A=1\n'), putting('extra', ''))
  await change(vault, box, removing('extra'))
  const all = await digestOf({ files: [{}] })
  expect(await digestOf({ files: [{ box: other }] })).toBe(all)
  expect(await digestOf({ files: [{ version: 2 }] })).toBe(all)
  const digests = [
    first,
    all,
    await digestOf({}),
    await digestOf({ files: [{ target: '/u' }] }),
    await digestOf({ files: [{ path: 'd' }] }),
    await digestOf({ files: [{ version: 3 }] }),
    await digestOf({ environment: [{ path: 'd/small' }] }),
    await digestOf({ environment: [{ path: 'large' }] })
  ]
  await change(vault, box, putting('large', `B=${'x'.repeat(99_999)}y`))
  digests.push(await digestOf({ files: [{}] }), await digestOf({ environment: [{ path: 'large' }] }))
  expect(new Set(digests).size).toBe(digests.length)
})

test('a digest of what is never revealed tells the version, and not whether a guess is right', async () => {
  const vault = await open()
  await vault.vault.create(root, box, { isNeverRevealed: true })
  await vault.vault.create(root, other)
  for (const each of [box, other]) await change(vault, each, putting('f', 'A=1\n'))
  // The same, and something else: both are another version.
  for (const contents of ['A=1\n', 'A=2\n']) await change(vault, box, putting('f', contents))
  const digestOf = async (wanted: Wanted): Promise<string> => (await told(vault, wanted)).digest
  for (const wanted of [(of: object) => ({ files: [of] }), (of: object) => ({ environment: [of] })]) {
    const first = await digestOf(wanted({ version: 2 }))
    const others = [{ version: 3 }, { version: 4 }, { box: other }].map(of => digestOf(wanted(of)))
    expect(new Set([first, ...(await Promise.all(others))]).size).toBe(4)
    expect(await digestOf(wanted({ version: 2 }))).toBe(first)
    expect(await digestOf(wanted({}))).toBe(await digestOf(wanted({ version: 4 })))
  }
  const renamed = parseBoxName('renamed')
  const before = await digestOf({ files: [{}] })
  await vault.vault.rename(root, box, renamed, null, () => Promise.resolve())
  expect(await digestOf({ files: [{ box: renamed }] })).toBe(before)
  expect(await digestOf({ files: [{ box: renamed, target: '/u' }] })).not.toBe(before)
})

test('digests are those of the vault, for as long as it lives, and of no other', async () => {
  const vault = await filled(await open())
  const { digest } = await told(vault, { files: [{}] })
  await vault.close()
  const again = await openVault(vault.directory)
  try {
    expect((await told(again, { files: [{}] })).digest).toBe(digest)
    const record = await again.store.get('digest-key')
    expect(record?.revision).toBe(1)
    await again.store.commit([{ put: 'digest-key', value: Buffer.alloc(105) }])
    await expect(told(again, { files: [{}] })).rejects.toMatchObject({ code: 'damaged' })
    await again.store.commit([{ remove: 'digest-key' }])
    for (const wanted of [{ files: [{}] }, { environment: [{ path: 'd/small' }] }])
      await expect(told(again, wanted)).rejects.toMatchObject({
        code: 'damaged',
        message: "the key of the vault's digests is gone",
        hint: 'restore the store from a backup'
      })
    expect(await again.store.get('digest-key')).toBe(null)
  } finally {
    await again.close()
  }
  const another = await filled(await openVault(temporaryDirectory()))
  expect((await told(another, { files: [{}] })).digest).not.toBe(digest)
  await another.close()
})

test.each<[string, Wanted, string]>([
  [
    'several files and none named',
    { environment: [{}] },
    'cannot take the variables of "app": it holds 2 files'
  ],
  [
    'a directory',
    { environment: [{ path: 'd' }] },
    'cannot take the variables of "app:d": it is a directory'
  ],
  ['a file that is not there', { environment: [{ path: 'no' }] }, 'no such file in the box'],
  [
    'the same variable twice',
    { environment: [{ path: 'large' }, { box: other }] },
    'cannot take the variables of "other:vars": "B" is in "app:large", too'
  ]
])('%s: refused', async (_what, wanted, message) => {
  await expect(told(await filled(await open()), wanted)).rejects.toThrow(message)
})

test('more than 1 MiB in all files together is refused', async () => {
  const vault = await filled(await open())
  const lines = (name: string): string =>
    [...Array(6).keys()].map(n => `${name}${n}=${'x'.repeat(100_000)}`).join('\n')
  await change(vault, box, putting('one', lines('O')), putting('two', lines('T')))
  await told(vault, { environment: [{ path: 'one' }] })
  await expect(told(vault, { environment: [{ path: 'one' }, { path: 'two' }] })).rejects.toMatchObject({
    message: 'cannot take the variables of "app:two": there is more than 1 MiB of them',
    hint: 'give it as a file: --inject'
  })
})
