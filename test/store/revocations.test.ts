import { expect, test } from 'vitest'
import {
  parseBoxName,
  parseFilePath,
  parseMountId,
  parseVolumeName,
  type BoxName
} from '../../src/base/names.ts'
import type { Right } from '../../src/base/rights.ts'
import { parseBoxPattern, patternOfBox } from '../../src/vault/access/box-pattern.ts'
import type { Caller } from '../../src/vault/access/authority.ts'
import type { Grant } from '../../src/vault/access/grants.ts'
import { parseSubject, type Subject } from '../../src/vault/access/subjects.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import { Secret } from '../../src/base/secret.ts'
import { fileAt } from '../../src/vault/boxes/tree.ts'
import { readGrants } from '../../src/vault/grants/records.ts'
import { putting, root, type OpenVault } from '../kit/open-vault.ts'
import { useVault } from '../kit/use-vault.ts'

/*
 * What was revoked, and the revocation answered, is done and told no more, whatever was under way. Nothing here is left to
 * chance: the store's answers take a number of turns, so that one act begun so many turns after another meets it at each
 * place on its way.
 */

const open = useVault()
const alice: Caller = { kind: 'user', uid: 1000, gid: 1000, pid: 1 }
const [toAlice, toImage] = [parseSubject('user:1000'), parseSubject('image:a')]
const orders = [0, 1, 2, 3, 4, 6, 8, 11, 15, 20, 30, 40]

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

function grant({ granting }: OpenVault, to: Subject, boxes: string, ...rights: Right[]): Promise<Grant> {
  return granting.grant(root, {
    ...{ subject: to, rights, boxes: parseBoxPattern(boxes), note: '', expires: null }
  })
}

async function grantsIn({ store, sealing }: OpenVault): Promise<string[]> {
  const { grants } = await readGrants(store, await sealing.keyring())
  return [...grants.values()].map(({ boxes, rights }) => `${boxes.text}: ${rights.join()}`).sort()
}

const freely = (): Promise<void> => Promise.resolve()
const boxNamed = (what: string, order: number): BoxName => parseBoxName(`${what}-${order}`)

test('a grant that is revoked while its box is renamed does not come back', async () => {
  const opened = await open()
  const { vault, granting } = opened
  let revoked = 0
  for (const order of orders) {
    const [box, to] = [boxNamed('old', order), boxNamed('new', order)]
    await vault.create(root, box)
    await grant(opened, toAlice, box, 'info')
    const renaming = vault.rename(root, box, to, null, freely)
    await turns(order)
    const isRevoked = await granting.revoke(root, patternOfBox(box), toAlice, null).then(
      () => true,
      () => false
    )
    await renaming
    expect([order, (await grantsIn(opened)).filter(text => text.startsWith(to))]).toEqual([
      order,
      isRevoked ? [] : [`${to}: info`]
    ])
    if (isRevoked) revoked++
  }
  expect(revoked).toBeGreaterThan(0)
  expect(revoked).toBeLessThan(orders.length)
})

test('of two changes of grants at once neither is lost', async () => {
  const opened = await open()
  const { vault, granting } = opened
  for (const order of orders) {
    const box = boxNamed('db', order)
    const boxes = patternOfBox(box)
    await vault.create(root, box)
    await grant(opened, toAlice, box, 'info', 'use')
    const [one, other] = [
      granting.revoke(root, boxes, toAlice, ['info']),
      turns(order).then(() => granting.revoke(root, boxes, toAlice, ['use']))
    ]
    await Promise.all([one, other])
    expect([order, (await grantsIn(opened)).filter(text => text.startsWith(`${box}:`))]).toEqual([order, []])

    const same = `same-${order}-*`
    const twice = [
      grant(opened, toAlice, same, 'info'),
      turns(order).then(() => grant(opened, toAlice, same, 'info'))
    ]
    expect(new Set((await Promise.all(twice)).map(({ id }) => id)).size).toBe(1)
  }
})

const reveal = { path: '' }
/** What Alice does, and the right that it takes. */
const acts: readonly [Right, string, (vault: OpenVault['vault'], box: BoxName) => Promise<unknown>][] = [
  [
    'write',
    'a change',
    (vault, box) => vault.change(alice, box, { edits: [putting('g', 'y')], partial: false, ifVersion: null })
  ],
  [
    'reveal',
    'a reading',
    (vault, box) => vault.open(alice, 'reveal', { box, ...reveal }, null, () => Promise.resolve())
  ],
  ['info', 'a look', (vault, box) => vault.inspect(alice, box)],
  ['manage', 'a destruction', (vault, box) => vault.destroy(alice, box, null)]
]

test.each(acts)('with %s: %s is not done once that is revoked', async (right, _what, act) => {
  const opened = await open()
  const { vault, granting, audit, sealing } = opened
  const outcomes = new Set<boolean>()
  for (const order of orders) {
    const box = boxNamed('db', order)
    await vault.create(root, box)
    await vault.change(root, box, { edits: [putting('f', 'x')], partial: false, ifVersion: null })
    await grant(opened, toAlice, box, right)
    // Others wait to be recorded at the same time.
    const others = Array.from({ length: 3 }, () => vault.list(root))
    const acting = act(vault, box).then(
      () => true,
      () => false
    )
    await turns(order)
    const revoking = granting.revoke(root, patternOfBox(box), toAlice, null).catch(() => null)
    outcomes.add(await acting)
    await Promise.all([...others, revoking])
  }
  const lines = await Array.fromAsync(audit.read(await sealing.keyring(), { limit: Infinity }))
  const over = new Set<string>()
  for (const { action, box = '', caller, decision, failed } of lines.filter(isEntry)) {
    if (action === 'grant.revoke' && failed === undefined) over.add(box)
    else if (caller.kind === 'user' && caller.uid === 1000 && decision === 'allowed' && failed === undefined)
      expect([box, over.has(box)]).toEqual([box, false])
  }
  expect([...outcomes].sort()).toEqual([false, true])
})

test('a listing tells of nothing for which the right was revoked before it was answered', async () => {
  const opened = await open()
  const { vault, granting } = opened
  const box = parseBoxName('secret')
  await vault.create(root, box)
  await grant(opened, toAlice, 'other-*', 'info', 'manage')
  for (const order of orders) {
    await grant(opened, toAlice, box, 'info', 'manage')
    let isRevoked = false
    const others = Array.from({ length: 2 }, () => vault.list(root))
    const told = [
      vault.list(alice).then(({ boxes }) => boxes.some(({ name }) => name === box) && isRevoked),
      granting
        .list(alice, null)
        .then(({ grants }) => grants.some(({ boxes }) => boxes.text === box) && isRevoked)
    ]
    await turns(order)
    const revoking = granting.revoke(root, patternOfBox(box), toAlice, null).then(() => {
      isRevoked = true
    })
    expect([order, await Promise.all(told)]).toEqual([order, [false, false]])
    await Promise.all([...others, revoking])
  }
})

test('a box that is made or renamed while a glob closes its name is closed, and stays so when that is revoked', async () => {
  const opened = await open()
  const { vault, granting } = opened
  for (const order of orders) {
    const [made, renamed, plain] = ['made', 'named', 'plain'].map(what => boxNamed(what, order)) as [
      BoxName,
      BoxName,
      BoxName
    ]
    const [one, other] = [`ma*-${order}`, `na*-${order}`]
    await vault.create(root, plain)
    const acts = [vault.create(root, made), vault.rename(root, plain, renamed, null, freely)]
    await turns(order)
    await Promise.all([...acts, ...[one, other].map(boxes => grant(opened, toImage, boxes, 'use'))])
    const closed = (): Promise<boolean[]> =>
      Promise.all([made, renamed].map(async box => (await vault.inspect(root, box)).isClosed))
    expect([order, await closed()]).toEqual([order, [true, true]])
    for (const boxes of [one, other]) await granting.revoke(root, parseBoxPattern(boxes), toImage, null)
    expect([order, await closed()]).toEqual([order, [true, true]])
  }
})

test('a container gets no copy of a box once what let it was revoked', async () => {
  const opened = await open()
  const { vault, granting, store } = opened
  const [volume, mount] = [parseVolumeName('v'), parseMountId('m')]
  for (const order of orders) {
    const box = boxNamed('db', order)
    await vault.create(root, box)
    await grant(opened, toImage, box, 'use')
    let isRevoked = false
    const mounting = vault
      .open({ kind: 'engine' }, 'mount', { box, volume, mount }, null, async (_opened, record) => {
        await record([{ put: `test/${order}`, value: Buffer.of(1) }])
      })
      .then(
        () => true,
        () => false
      )
    await turns(order)
    const revoking = granting.revoke(root, patternOfBox(box), toImage, null).then(async () => {
      isRevoked = (await store.get(`test/${order}`)) === null
    })
    await revoking
    expect([order, await mounting]).toEqual([order, !isRevoked])
  }
})

const closings: Record<string, (opened: OpenVault, box: BoxName) => Promise<unknown>> = {
  'a grant on it': (opened, box) => grant(opened, toImage, box, 'use'),
  'a grant on boxes that are called so': (opened, box) =>
    grant(opened, toImage, `${box.slice(0, -1)}*`, 'use'),
  async 'a grant that was revoked again'(opened, box) {
    await grant(opened, toImage, box, 'use')
    await opened.granting.revoke(root, patternOfBox(box), toImage, null)
  }
}

test.each(Object.entries(closings))(
  'nothing is given of a box any more once %s has closed it',
  async (_, close) => {
    const opened = await open()
    const { vault } = opened
    const [volume, mount] = [parseVolumeName('v'), parseMountId('m')]
    const once = (box: BoxName, ...other: (() => Promise<unknown>)[]): (() => Promise<void>) => {
      const acts = [...other, () => close(opened, box)]
      return async () => {
        for (const act of acts.splice(0)) await act()
      }
    }
    const [shown, missing, served] = ['shown', 'missing', 'served'].map(parseBoxName) as [
      BoxName,
      BoxName,
      BoxName
    ]
    const conflict = { code: 'conflict', message: expect.stringContaining('was closed meanwhile') as unknown }
    await vault.create(root, shown)
    await vault.create(root, served)
    for (const [purpose, resource, ...first] of [
      ['mount', { box: shown, volume, mount }],
      ['mountIfThere', { box: missing, volume, mount }, () => vault.create(root, missing)],
      ['serve', { box: served, path: 'f', service: 's', task: 't', image: 'i' }]
    ] as const) {
      const inBetween = once(resource.box, ...first)
      const opening = vault.open({ kind: 'engine' }, purpose, resource, null, async (_version, record) => {
        await inBetween()
        await record([])
      })
      await expect(opening, purpose).rejects.toMatchObject(conflict)
    }
  }
)

test('what is being read is read no further once that is revoked', async () => {
  const opened = await open()
  const { vault, granting } = opened
  const box = parseBoxName('db')
  await vault.create(root, box)
  const contents = Buffer.alloc(3 << 20, 'x')
  await vault.change(root, box, { edits: [putting('f', contents)], partial: false, ifVersion: null })
  await grant(opened, toAlice, box, 'reveal')
  let bytes = 0
  const reading = vault.open(alice, 'reveal', { box, path: '' }, null, async version => {
    const pieces = version.read(fileAt(version.tree, parseFilePath('f')))
    if (pieces instanceof Secret) throw new Error('the file is too small')
    for await (const piece of pieces) {
      if (bytes === 0) await granting.revoke(root, patternOfBox(box), toAlice, null)
      bytes += piece.length
    }
  })
  await expect(reading).rejects.toMatchObject({ code: 'denied' })
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(contents.length)
})

test('what is being read of the audit is read no further once that is revoked', async () => {
  const opened = await open()
  const { vault, granting, readAudit } = opened
  const box = parseBoxName('db')
  await vault.create(root, box)
  await grant(opened, toAlice, box, 'manage')
  for (let i = 0; i < 200; i++) await vault.inspect(root, box)
  let lines = 0
  const reading = (async () => {
    for await (const _ of (await readAudit(alice, [box]))({ limit: Infinity }))
      if (lines++ === 0) await granting.revoke(root, patternOfBox(box), toAlice, null)
  })()
  await expect(reading).rejects.toMatchObject({ code: 'denied' })
  expect(lines).toBeLessThan(150)
})
