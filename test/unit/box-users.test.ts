import { expect, test } from 'vitest'
import { parseBoxName, parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { refuseKnownByName, refuseUsed } from '../../src/http/admin/box-users.ts'
import type { DescribedVolume } from '../../src/http/admin/status.ts'
import type { May } from '../../src/vault/action/permit.ts'
import { parseVolumeOptions } from '../../src/volumes/options.ts'

const box = parseBoxName('db')

/** A volume of the box with these containers. */
function volume(name: string, ...containers: string[]): DescribedVolume {
  return {
    name: parseVolumeName(name),
    options: parseVolumeOptions(parseVolumeName(name), { box }),
    created: '2026-01-01T00:00:00.000Z',
    copies: [],
    containers: containers.map(id => ({ id, name: id, image: 'busybox', state: 'exited' }))
  }
}

/** Knows of the volumes of these names. */
const knows =
  (...names: string[]): May =>
  (_action, resource) =>
    names.includes((resource as { volume?: string }).volume ?? '')

const starting: DescribedVolume = {
  ...volume('c'),
  copies: [
    {
      mount: parseMountId('m'),
      box,
      version: 1,
      created: '2026-01-01T00:00:00.000Z',
      container: null
    }
  ]
}

test.each([
  [[], [], null],
  [[volume('a', 'x', 'y'), volume('b', 'y', 'z'), starting], [], ': it is in use by 4 containers'],
  [
    [volume('a', 'x', 'y'), volume('b', 'y', 'z'), starting],
    ['b'],
    ': it is in use by 4 containers: "y" (exited), "z" (exited) and 2 more'
  ],
  [[volume('a', 'x')], ['a'], ': it is in use by a container: "x" (exited)'],
  [[volume('a', 'x')], [], ': it is in use by a container'],
  [[volume('a', 'x', 'y')], [], ': it is in use by 2 containers'],
  [[volume('a', 'x'), volume('b', 'y')], ['b'], ': it is in use by 2 containers: "y" (exited) and 1 more'],
  [[volume('a', 'x'), volume('b', 'x')], ['b'], ': it is in use by a container: "x" (exited)'],
  [[volume('b', 'x'), volume('a', 'x')], ['b'], ': it is in use by a container: "x" (exited)'],
  [[starting], [], ': it is in use by a container'],
  [[starting], ['c'], ': it is in use by a container: one that is just starting'],
  [[volume('a')], [], null]
] as const)(
  '%# a box that is used is not destroyed, and what the caller may not know of is not named',
  (volumes, known, text) => {
    const act = (): void => refuseUsed(box, volumes, knows(...known))
    if (text === null) act()
    else
      expect(act).toThrow(
        expect.objectContaining({ code: 'in_use', message: `cannot destroy box "db"${text}` })
      )
  }
)

test.each([
  [[], [], null],
  [[volume('a')], ['a'], ': it is in use by volume "a"'],
  [[volume('a')], [], ': it is in use'],
  [[volume('a', 'x'), volume('b')], ['b'], ': it is in use by volume "b" and 1 more'],
  [[volume('a', 'x')], [], ': it is in use'],
  [[volume('a', 'x')], ['a'], ': it is in use by container "x" (exited)']
] as const)('%# nor does it lose its name', (volumes, known, text) => {
  const act = (): void => refuseKnownByName(box, volumes, knows(...known))
  if (text === null) act()
  else
    expect(act).toThrow(expect.objectContaining({ code: 'in_use', message: `cannot rename box "db"${text}` }))
})
