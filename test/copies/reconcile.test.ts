import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import { parseMountId, parseVolumeName, type MountId } from '../../src/base/names.ts'
import { lastUseMs } from '../../src/lifecycle/grace.ts'
import { freshId } from '../kit/driver.ts'
import { hold } from '../kit/hold.ts'
import { ordersIn } from '../kit/orders.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { engineWith } from './engines.ts'
import { breakable, openDriverStage, takeAway, type DriverStage } from './driver-stage.ts'
import { leaseOn } from './lease.ts'

const container = 'c'.repeat(64)

/** A stage with a volume `db`, and a copy of it that nobody holds. */
async function withCopy(
  settings: Parameters<typeof openDriverStage>[0] = {}
): Promise<DriverStage & { id: MountId; copy: string }> {
  const stage = await openDriverStage(settings)
  await stage.makeVolume('db', 'hunter2')
  const id = parseMountId(freshId())
  return { ...stage, id, copy: await stage.mount('db', id) }
}

/** Makes the stage as after a start of the daemon, which has heard nothing from the Engine yet. */
function forgetUses({ uses }: DriverStage, id: MountId): void {
  uses.forget(copyKeyOf(parseVolumeName('db'), id))
}

describe.skipIf(cannotMount)('a copy that nobody holds (takes root)', () => {
  test('is told of as such, and wiped when that is asked for', async () => {
    const stage = await withCopy()
    const found = { mount: stage.id, volume: 'db', action: 'wipe', reason: 'nobody holds it' }
    expect(await stage.look()).toEqual([found])
    expect(readFileSync(join(stage.copy, 'password'), 'utf8')).toBe('hunter2')
    expect(await stage.reconcile()).toEqual({ findings: [found], isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
    expect(await stage.labels()).toEqual([])
    expect(await stage.reconcile()).toEqual({ findings: [], isSettled: true })
  })

  test('is left alone while the Engine does not answer and it is young', async () => {
    const stage = await withCopy({ graceMs: 60_000 })
    const young = { action: 'keep', reason: 'the engine does not answer and the copy is young' }
    expect(await stage.reconcile()).toMatchObject({ findings: [young], isSettled: false })
    forgetUses(stage, stage.id)
    expect(await stage.reconcile()).toMatchObject({ findings: [young], isSettled: false })
  })

  test('is left alone while the Engine starts a container of its volume', async () => {
    const stage = await withCopy({ engine: engineWith({ 'locked-1': 'created', other: 'exited' }) })
    forgetUses(stage, stage.id)
    expect(await stage.reconcile()).toMatchObject({
      findings: [{ action: 'keep', reason: 'a container is just starting' }],
      isSettled: false
    })
  })

  test('is left alone when the Engine has just asked for it, and not when it may have let go of it', async () => {
    const stage = await withCopy({ engine: engineWith({ other: 'exited' }) })
    expect(await stage.reconcile()).toMatchObject({
      findings: [{ action: 'keep', reason: 'it was mounted just now' }],
      isSettled: false
    })
    stage.uses.doubtAll()
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'wipe' }], isSettled: true })
  })

  test('and was held before is not taken for that of a container that is just starting', async () => {
    const stage = await withCopy({ graceMs: 60_000 })
    const holder = await hold(stage.copy)
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'keep' }] })
    await holder.end()
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'keep' }], isSettled: false })
    stage.clock.pass(lastUseMs)
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'wipe' }], isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
  })

  test('and was let go of is wiped whatever the Engine says', async () => {
    const stage = await withCopy({ graceMs: 60_000 })
    const holder = await hold(stage.copy)
    await stage.unmount('db', stage.id)
    expect(existsSync(stage.copy)).toBe(true)
    await holder.end()
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'wipe' }], isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
  })

  test('is wiped though its label, or any, is damaged, and such labels go', async () => {
    const stage = await withCopy()
    const { store } = stage.opened
    for (const id of [stage.id, parseMountId(freshId())])
      await store.commit([{ put: `copy/db/${id}`, value: Buffer.from('garbage') }])
    expect(await stage.reconcile()).toMatchObject({ isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
    expect(await stage.labels()).toEqual([])
  })

  test('is wiped, and Unmount succeeds, while nothing can be read from the store', async () => {
    let broken = false
    const stage = await withCopy({ wrap: store => breakable(store, () => broken) })
    const other = parseMountId(freshId())
    await stage.mount('db', other)
    broken = true
    await stage.unmount('db', stage.id)
    expect(readdirSync(stage.directory)).toEqual([copyKeyOf(parseVolumeName('db'), other)])
    expect(await stage.reconcile()).toMatchObject({ isSettled: false })
    expect(readdirSync(stage.directory)).toEqual([])
    broken = false
    expect(await stage.reconcile()).toMatchObject({ isSettled: true })
    expect(await stage.labels()).toEqual([])
  })

  test('is wiped while the vault is sealed', async () => {
    const stage = await withCopy()
    stage.opened.sealing.wipe()
    renameSync(stage.opened.keyFile, `${stage.opened.keyFile}.away`)
    expect(await stage.look()).toMatchObject([{ action: 'wipe' }])
    expect(await stage.reconcile()).toMatchObject({ isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
    expect(await stage.labels()).toEqual([])
    expect((await Array.fromAsync(stage.opened.store.list('journal/'))).length).toBe(1)
    renameSync(`${stage.opened.keyFile}.away`, stage.opened.keyFile)
    const keyring = await stage.opened.sealing.keyring()
    const lines = await Array.fromAsync(stage.opened.audit.read(keyring, { limit: 1 }))
    expect(lines[0]).toMatchObject({
      action: 'copy.wipe',
      caller: { kind: 'daemon' },
      volume: 'db',
      mount: stage.id,
      unauthenticated: expect.stringMatching(/^\d{4}-.*Z$/) as string
    })
    expect(await Array.fromAsync(stage.opened.store.list('journal/'))).toEqual([])
  })

  test('is tried again when it could not be wiped', async () => {
    const stage = await withCopy()
    const lease = await leaseOn(join(stage.copy, 'password'))
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'wipe' }], isSettled: false })
    expect(await stage.labels()).toEqual([stage.id])
    await lease.end()
    expect(await stage.reconcile()).toMatchObject({ isSettled: true })
    expect(readdirSync(stage.directory)).toEqual([])
  })
})

describe.skipIf(cannotMount)('a copy that is held (takes root)', () => {
  test('stays, and the finding says by whom', async () => {
    const stage = await withCopy()
    await hold(stage.copy, container)
    const kept = {
      mount: stage.id,
      volume: 'db',
      action: 'keep',
      reason: `held by ${container.slice(0, 12)}`
    }
    expect(await stage.reconcile()).toEqual({ findings: [kept], isSettled: true })
  })

  test('stays when it came to be held after it was judged', async () => {
    const directory = temporaryDirectory()
    const orders = await ordersIn(directory)
    process.env['SECRETBOX_FAULTS'] = directory
    onTestFinished(() => {
      delete process.env['SECRETBOX_FAULTS']
    })
    const stage = await withCopy()
    await orders.give('reconcile.judged', 'wait')
    const reconciling = stage.reconcile()
    await orders.reached('reconcile.judged', reconciling)
    const holder = await hold(stage.copy)
    await orders.release('reconcile.judged')
    expect(await reconciling).toMatchObject({ findings: [{ action: 'wipe' }] })
    expect(holder.read('password')).toBe('hunter2')
    await holder.end()
    await stage.reconcile()
    expect(readdirSync(stage.directory)).toEqual([])
  })

  test('and was let go of is looked at again and again, until a container that runs has it', async () => {
    const containers: Record<string, string> = { [container]: 'exited' }
    const stage = await withCopy({
      engine: { ...engineWith({}), containers: () => engineWith(containers).containers() }
    })
    await hold(stage.copy, container)
    await stage.unmount('db', stage.id)
    const now = Infinity
    await stage.reconcile()
    expect(stage.uses.areDoubtful(now)).toBe(true)
    containers[container] = 'running'
    await stage.reconcile()
    expect(stage.uses.areDoubtful(now)).toBe(false)
  })

  test('out of reach keeps its label until it ends, and leaves no doubt behind', async () => {
    const stage = await withCopy()
    const holder = await hold(stage.copy, container)
    takeAway(stage.copy)
    await stage.unmount('db', stage.id)
    expect(await stage.look()).toMatchObject([
      { action: 'keep', reason: `held by ${container.slice(0, 12)}, where it cannot be reached any more` }
    ])
    expect(await stage.labels()).toEqual([stage.id])
    await holder.end()
    expect(await stage.reconcile()).toMatchObject({
      findings: [{ action: 'forget', reason: 'nothing is mounted' }],
      isSettled: true
    })
    expect(await stage.labels()).toEqual([])
    expect(stage.uses.areDoubtful(Infinity)).toBe(false)
  })
})

describe.skipIf(cannotMount)('a copy that is held out of reach (takes root)', () => {
  /** The file in the copy that the Engine gets of an ID whose copy it has taken away. */
  const passwordIn = (copy: string): string | null => {
    const path = join(copy, 'password')
    return existsSync(path) ? readFileSync(path, 'utf8') : null
  }

  test('has a twin of the same version when the Engine mounts it again, as docker cp does', async () => {
    const stage = await withCopy()
    const holder = await hold(stage.copy)
    takeAway(stage.copy)
    await stage.makeVolume('db', 'newer')
    for (let i = 0; i < 2; i++) {
      expect(passwordIn(await stage.mount('db', stage.id))).toBe('hunter2')
      await stage.unmount('db', stage.id)
      expect(readdirSync(stage.directory)).toEqual([])
      expect(await stage.labels()).toEqual([stage.id])
    }
    await holder.end()
    await stage.reconcile()
    expect(passwordIn(await stage.mount('db', stage.id))).toBe('newer')
    await stage.unmount('db', stage.id)
  })

  test('has an empty twin when it was made without a box, though there is one now', async () => {
    const stage = await openDriverStage()
    await stage.volumes.create({ kind: 'engine' }, parseVolumeName('hint'), { optional: 'true' })
    const id = parseMountId(freshId())
    const copy = await stage.mount('hint', id)
    await hold(copy)
    takeAway(copy)
    await stage.makeVolume('hint', 'hunter2', { optional: 'true' })
    expect(readdirSync(await stage.mount('hint', id))).toEqual([])
    await stage.unmount('hint', id)
  })
})

test.skipIf(cannotMount)('what is in the directory and no copy is told of and left alone', async () => {
  const stage = await openDriverStage()
  const foreign = 'f'.repeat(32)
  mkdirSync(join(stage.directory, foreign))
  writeFileSync(join(stage.directory, foreign, 'a'), 'precious')
  expect(await stage.reconcile()).toMatchObject({
    findings: [{ mount: foreign, volume: null }],
    isSettled: true
  })
  expect(readFileSync(join(stage.directory, foreign, 'a'), 'utf8')).toBe('precious')
})

describe.skipIf(cannotMount)('a copy of which nobody can say whether it is held (takes root)', () => {
  const older = { options: ['--old-kernel'] }

  test('is kept, told of as such, and wiped when the Engine says that no container of the volume runs', async () => {
    const states = { [container]: 'running' }
    const stage = await withCopy({
      ...older,
      engine: { ...engineWith({}), containers: () => engineWith(states).containers() }
    })
    forgetUses(stage, stage.id)
    const unclear = { mount: stage.id, action: 'keep', reason: expect.stringMatching(/^not every/) as string }
    expect(await stage.reconcile()).toMatchObject({ findings: [unclear], isSettled: false })
    expect(stage.kept.all()).toMatchObject([{ owner: { volume: 'db', mount: stage.id } }])
    states[container] = 'exited'
    expect(await stage.look()).toMatchObject([{ action: 'wipe' }])
    expect(stage.kept.all()).toHaveLength(1)
    expect(await stage.reconcile()).toMatchObject({ isSettled: true })
    expect(stage.kept.all()).toEqual([])
  })

  test('is not told of as kept once it is seen to be held', async () => {
    const stage = await withCopy({ ...older, engine: engineWith({ [container]: 'running' }) })
    forgetUses(stage, stage.id)
    await stage.reconcile()
    await hold(stage.copy, container)
    await stage.reconcile()
    expect(stage.kept.all()).toEqual([])
  })

  test('and is out of reach keeps its label, which the finding says', async () => {
    const stage = await withCopy({ ...older, engine: engineWith({ [container]: 'running' }) })
    takeAway(stage.copy)
    expect(await stage.reconcile()).toMatchObject({ findings: [{ action: 'keep' }], isSettled: false })
    expect(await stage.labels()).toEqual([stage.id])
    expect(stage.kept.all()).toHaveLength(1)
  })
})
