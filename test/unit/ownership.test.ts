import { expect, test } from 'vitest'
import { mayReadAll, ownershipOf, rootOfCopy, type OwnershipOptions } from '../../src/copies/ownership.ts'

const none: OwnershipOptions = { uid: 0, gid: 0, mode: null, dirmode: null }
const file = { type: 'file', mode: 0o4755 } as const
const directory = { type: 'directory', mode: 0o1700 } as const
const symlink = { type: 'symlink' } as const

test('without options every entry is of root and has the mode of its own', () => {
  expect(ownershipOf(file, none)).toEqual({ uid: 0, gid: 0, mode: 0o4755 })
  expect(ownershipOf(directory, none)).toEqual({ uid: 0, gid: 0, mode: 0o1700 })
  expect(ownershipOf(symlink, none)).toEqual({ uid: 0, gid: 0, mode: null })
  expect(ownershipOf(rootOfCopy, none)).toEqual({ uid: 0, gid: 0, mode: 0o755 })
})

test('the owner is that of every entry', () => {
  for (const entry of [file, directory, symlink, rootOfCopy])
    expect(ownershipOf(entry, { ...none, uid: 999, gid: 4294967294 })).toMatchObject({
      uid: 999,
      gid: 4294967294
    })
})

test('"mode" is for files and "dirmode" for directories, for the root of the copy too; 0 is a mode', () => {
  const modes = (options: Partial<OwnershipOptions>): (number | null)[] =>
    [file, directory, symlink, rootOfCopy].map(entry => ownershipOf(entry, { ...none, ...options }).mode)
  expect(modes({ mode: 0o440 })).toEqual([0o440, 0o1700, null, 0o755])
  expect(modes({ dirmode: 0o2750 })).toEqual([0o4755, 0o2750, null, 0o2750])
  expect(modes({ mode: 0, dirmode: 0 })).toEqual([0, 0, null, 0])
})

test.each<[who: string, uid: number, gids: number[], options: Partial<OwnershipOptions>, may: boolean]>([
  ['the owner', 7, [], { mode: 0o400, dirmode: 0o500 }, true],
  ['another', 33, [33], { mode: 0o400, dirmode: 0o500 }, false],
  ['one of the group', 33, [33, 8], { mode: 0o440, dirmode: 0o550 }, true],
  ['one of the group, which may read less than others', 33, [8], { mode: 0o404, dirmode: 0o555 }, false],
  ['another, when all may read', 33, [33], { mode: 0o444, dirmode: 0o755 }, true],
  ['another, by a mode of a file', 33, [33], { mode: null, dirmode: 0o755 }, false],
  ['another, when nobody may enter', 33, [33], { mode: 0o444, dirmode: 0o700 }, false]
])('%s reads all of a copy only if it could where that lies', (_, uid, gids, options, may) => {
  const entries = [{ ...file, mode: 0o600 }, directory, symlink]
  expect(mayReadAll({ uid, gids }, entries, { ...none, uid: 7, gid: 8, ...options })).toBe(may)
})

test('of a copy without files nobody but its owner may go to its socket', () => {
  for (const entries of [[], [directory, symlink]])
    for (const [uid, may] of [[7, true] as const, [33, false] as const])
      expect(mayReadAll({ uid, gids: [33, 8] }, entries, { ...none, uid: 7, gid: 8, dirmode: 0o755 })).toBe(
        may
      )
})
