import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/base/errors.ts'
import { parseMountId, parseVolumeName, type MountId } from '../../src/base/names.ts'
import type { CopyKey } from '../../src/copies/copy-key.ts'
import { connectEngine } from '../../src/engine/engine.ts'
import { parseBoxPattern } from '../../src/vault/access/box-pattern.ts'
import type { Grant } from '../../src/vault/access/grants.ts'
import { parseSubject } from '../../src/vault/access/subjects.ts'
import type { AuditEntry } from '../../src/vault/audit/records.ts'
import { isEntry } from '../../src/vault/audit/reading.ts'
import { getSecret } from '../../src/http/driver/secret-provider.ts'
import { putGrant } from '../../src/vault/grants/records.ts'
import { comesTo, eventually } from '../kit/eventually.ts'
import { freshId } from '../kit/driver.ts'
import { hold, type Hold } from '../kit/hold.ts'
import { root } from '../kit/open-vault.ts'
import { addContainer, standInEngine, type StandInEngine, type StandInImage } from '../kit/stand-in-engine.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { leaseOn } from './lease.ts'
import { openDriverStage, takeAway, type DriverStage, type StageSettings } from './driver-stage.ts'

const newId = (): MountId => parseMountId(freshId())
const digestOf = (digit: string): string => `sha256:${digit.repeat(64)}`

/** Grants the use of all boxes to a container, so that those which are made from now on are closed. */
async function grant(
  { opened: { gate } }: DriverStage,
  subject: string,
  expires: string | null = null
): Promise<void> {
  const made: Grant = {
    ...{
      id: parseMountId(freshId()).slice(0, 32),
      rights: ['use'],
      note: '',
      by: 0,
      at: '2026-01-01T00:00:00Z',
      expires
    },
    subject: parseSubject(subject),
    boxes: parseBoxPattern('*')
  }
  await gate.run(root, 'grant.add', made, permit => permit.commit({}, [putGrant(permit.keyring, made)]))
}

interface Closed {
  readonly engine: StandInEngine
  readonly stage: DriverStage
  /** Mounts the volume `db` of a closed box, as a start does; gives the copy's path. */
  readonly mount: (id?: MountId) => Promise<string>
}

/** A stage with a closed box `db`, which those of these subjects may use. */
async function closedTo(...subjects: string[]): Promise<Closed> {
  return closedIn({}, ...subjects)
}

async function closedIn(settings: StageSettings, ...subjects: string[]): Promise<Closed> {
  const engine = await standInEngine()
  const stage = await openDriverStage({ ...settings, engine: connectEngine(engine.socket) })
  for (const subject of ['container:nobody', ...subjects]) await grant(stage, subject)
  await stage.makeVolume('db', 'hunter2')
  return { engine, stage, mount: (id = newId()) => stage.mount('db', id) }
}

/** Has a container run, and hold the copy; `mounts`: of which container its own mounts tell. */
async function heldBy(engine: StandInEngine, copy: string, id: string, mounts = id): Promise<Hold> {
  const holder = await hold(copy, mounts)
  Object.assign(engine.containers.get(id) ?? {}, { state: 'running', pid: holder.pid })
  return holder
}

/** The newest entry of the audit for an action. */
async function newest({ opened }: DriverStage, action: string): Promise<AuditEntry | undefined> {
  const lines = await Array.fromAsync((await opened.readAudit(root, []))({ limit: Infinity }))
  return lines.filter(isEntry).findLast(entry => entry.action === action)
}

const secretIn = (copy: string): string => readFileSync(join(copy, 'password'), 'utf8')

describe.skipIf(cannotMount)('a closed box (takes root)', () => {
  test('is shown to the container that it is granted to, and to no other', async () => {
    const { engine, stage, mount } = await closedTo('image:nginx:*')
    const web = addContainer(engine, 'web', { volumes: ['db'], image: 'nginx:1.25' })
    expect(secretIn(await mount())).toBe('hunter2')
    engine.containers.delete(web)
    const other = addContainer(engine, 'other', { volumes: ['db'], image: 'busybox' })
    await expect(mount()).rejects.toMatchObject({
      code: 'denied',
      message: 'cannot mount volume "db": container "other" (image "busybox") may not use box "db"',
      hint: `docker vault grant db image:${digestOf('b')} use (that very image), or docker vault grant db image:busybox use (whatever is called so)`
    })
    expect(await newest(stage, 'box.mount')).toMatchObject({
      ...{ decision: 'denied', box: 'db', volume: 'db' },
      ...{ container: other, containerName: 'other', image: 'busybox' }
    })
    expect(await stage.labels()).toHaveLength(1)
    expect(readdirSync(stage.directory)).toHaveLength(1)
  })

  test('is not shown when the grant has expired, or the tag is another image’s by now', async () => {
    const { engine, stage, mount } = await closedTo()
    await grant(stage, 'container:web', '2026-01-02T00:00:00Z')
    await grant(stage, 'image:app:1')
    addContainer(engine, 'web', { volumes: ['db'], image: digestOf('b') })
    await expect(mount()).rejects.toMatchObject({
      code: 'denied',
      hint: `it was made by an ID, or its tag is another image’s by now: make it anew, or docker vault grant db image:${digestOf('b')} use (that very image)`
    })
  })

  test('is shown to an image by its ID, and by what a registry calls it, which is asked for', async () => {
    const { engine, mount } = await closedTo(`image:${digestOf('1')}`, `image:app@${digestOf('2')}`)
    const [byId, byDigest, neither] = [digestOf('1'), digestOf('3'), digestOf('4')]
    engine.images.set(byDigest, { repoDigests: [`app@${digestOf('2')}`] })
    engine.images.set(neither, { repoDigests: [`evil/app@${digestOf('2')}`] })
    for (const [imageId, isShown] of [
      [byId, true],
      [byDigest, true],
      [neither, false]
    ] as const) {
      const web = addContainer(engine, 'web', { volumes: ['db'], image: 'app:1', imageId })
      const mounted = mount().then(secretIn)
      if (isShown) expect(await mounted).toBe('hunter2')
      else await expect(mounted).rejects.toMatchObject({ code: 'denied' })
      engine.containers.delete(web)
    }
  })

  test('is not shown for a label that the image has itself, for whichever platform it is', async () => {
    const { engine, mount } = await closedTo('label:tier=db', 'compose:shop/db')
    const names = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'db' }
    const [labels, hash] = [{ tier: 'db', ...names }, { 'com.docker.compose.config-hash': 'h' }]
    const arm = { architecture: 'arm64', os: 'linux' }
    const image = digestOf('5')
    const shown = async (changes: object, ofImage: StandInImage | null, key = image): Promise<boolean> => {
      engine.images.clear()
      engine.images.set(key, ofImage)
      const web = addContainer(engine, 'web', { volumes: ['db'], imageId: image, ...changes })
      const isShown = await mount().then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'denied' })
          return false
        }
      )
      engine.containers.delete(web)
      return isShown
    }
    expect(await shown({ labels: null }, {})).toBe(false)
    expect(await shown({ labels }, {})).toBe(true)
    expect(await shown({ labels }, { labels })).toBe(false)
    expect(await shown({ labels }, { labels: { ...names, tier: 'web' } })).toBe(true)
    expect(await shown({ labels: { ...names, ...hash } }, { labels: names })).toBe(true)
    expect(await shown({ labels }, null)).toBe(false)
    expect(await shown({ labels, platform: arm }, { labels }, `${image} ${JSON.stringify(arm)}`)).toBe(false)
  })

  test('of several it is asked which one starts, and a running one is none of them', async () => {
    const { engine, mount } = await closedTo('compose:shop/db')
    const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'db' }
    const good = addContainer(engine, 'good', { volumes: ['db'], labels, isLocked: true })
    const bad = addContainer(engine, 'bad', { volumes: ['db'] })
    addContainer(engine, 'elsewhere', { volumes: ['other'] })
    expect(secretIn(await mount())).toBe('hunter2')
    const [starting, idle] = [engine.containers.get(bad), engine.containers.get(good)]
    if (starting === undefined || idle === undefined) throw new Error('they are there')
    starting.isLocked = true
    await expect(mount()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('may be the one that starts') as string
    })
    idle.isLocked = false
    await expect(mount()).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining('container "bad"') as string
    })
    Object.assign(starting, { isLocked: false, state: 'running' })
    expect(secretIn(await mount())).toBe('hunter2')
  })

  test('is refused when no container is about to start, or the Engine does not answer', async () => {
    const { engine, mount } = await closedTo('container:web')
    addContainer(engine, 'web', { volumes: ['db'], state: 'running' })
    await expect(mount()).rejects.toMatchObject({
      code: 'denied',
      hint: expect.stringContaining('volume-nocopy') as string
    })
    await engine.end()
    await expect(mount()).rejects.toMatchObject({
      code: 'unavailable',
      hint: expect.stringContaining('docker.source') as string
    })
  })

  test('gives no empty copy to a container without a right, where a volume may do without the box; one that is missing does', async () => {
    const { engine, stage } = await closedTo('container:web')
    for (const box of ['db', 'missing'])
      await stage.volumes.create({ kind: 'engine' }, parseVolumeName(`of-${box}`), { box, optional: 'true' })
    addContainer(engine, 'other', { volumes: ['of-db', 'of-missing'] })
    await expect(stage.mount('of-db', newId())).rejects.toMatchObject({ code: 'denied' })
    expect([await stage.labels(), readdirSync(stage.directory)]).toEqual([[], []])
    expect(readdirSync(await stage.mount('of-missing', newId()))).toEqual([])
  })

  test('keeps the copy of a container that has it, whatever becomes of the grant', async () => {
    const { engine, stage, mount } = await closedTo('container:web')
    const id = addContainer(engine, 'web', { volumes: ['db'] })
    const mountId = newId()
    const copy = await mount(mountId)
    const holder = await hold(copy, id)
    engine.containers.clear()
    expect(await mount(mountId)).toBe(copy)
    takeAway(copy)
    expect(secretIn(await mount(mountId))).toBe('hunter2')
    await holder.end()
    await stage.unmount('db', mountId)
  })
})

test.skipIf(cannotMount)(
  'a closed box is served to a service of a swarm that it is granted to (takes root)',
  async () => {
    const { stage } = await closedTo('image:web:1', 'label:tier=db')
    const serve = (image: string, tier: string): Promise<Buffer> =>
      getSecret(stage.opened.vault, {
        ...{ SecretName: 's', SecretLabels: { 'io.secretbox.box': 'db', 'io.secretbox.file': 'password' } },
        ...{ ServiceName: 'web', TaskImage: image, ServiceLabels: { tier } }
      })
    for (const [image, tier] of [
      [`web:1@${digestOf('1')}`, 'web'],
      ['other', 'db']
    ] as const)
      expect(JSON.parse((await serve(image, tier)).toString())).toMatchObject({ DoNotReuse: true })
    await expect(serve('web:2', 'web')).rejects.toMatchObject({
      code: 'denied',
      message: 'service "web" (image "web:2") may not use box "db"',
      hint: 'docker vault grant db image:web:2 use'
    })
    expect(await newest(stage, 'box.serve')).toMatchObject({
      decision: 'denied',
      image: 'web:2',
      service: 'web'
    })
  }
)

describe.skipIf(cannotMount)('the Engine is not asked (takes root)', () => {
  test('about a box that is open, or one that any container may use', async () => {
    const engine = await standInEngine()
    const stage = await openDriverStage({ engine: connectEngine(engine.socket) })
    await stage.makeVolume('open', 'hunter2')
    await grant(stage, 'container:*')
    await stage.makeVolume('any', 'hunter3')
    expect(secretIn(await stage.mount('open', newId()))).toBe('hunter2')
    expect(secretIn(await stage.mount('any', newId()))).toBe('hunter3')
    expect(engine.asked).toEqual([])
  })
})

describe.skipIf(cannotMount)(
  'a copy that comes to another container than it was made for (takes root)',
  () => {
    /** Mounts it for `web`, while the daemon listens; another container `thief` is not known yet. */
    async function mounted(
      settings: StageSettings = {}
    ): Promise<Closed & { copy: string; web: string; thief: () => string }> {
      const closed = await closedIn(settings, 'container:web')
      const { engine, stage, mount } = closed
      const web = addContainer(engine, 'web', { volumes: ['db'] })
      stage.watch()
      await engine.followed()
      const copy = await mount()
      return { ...closed, copy, web, thief: () => addContainer(engine, 'thief', { volumes: ['db'] }) }
    }

    test('is wiped and the container killed, when the Engine tells for whom it was mounted', async () => {
      const { engine, stage, copy, thief } = await mounted()
      const id = thief()
      engine.tellMounted('db', id)
      const entry = await eventually(async () => (await newest(stage, 'copy.withdraw')) ?? null)
      expect(entry).toMatchObject({
        box: 'db',
        volume: 'db',
        container: id,
        containerName: 'thief',
        image: 'busybox'
      })
      expect(existsSync(join(copy, 'password'))).toBe(false)
      expect(engine.kills).toEqual(['thief'])
    })

    test('is taken away at last, when it could not be wiped or the container not be killed at first', async () => {
      const { engine, stage, copy, thief } = await mounted()
      const id = thief()
      const copies = { ...stage.copies }
      const wishes: (() => Promise<boolean>)[] = [
        () => Promise.reject(new Error('the job was lost')),
        () => Promise.resolve(false)
      ]
      Object.assign(stage.copies, { wipe: (key: CopyKey) => wishes.shift()?.() ?? copies.wipe(key) })
      engine.killFailures = 2
      engine.tellMounted('db', id)
      await comesTo(() => engine.killFailures === 1)
      expect(await newest(stage, 'copy.withdraw')).toBeUndefined()
      await stage.clock.passUntil(() => engine.killFailures === 0)
      expect(wishes).toEqual([])
      expect([engine.kills, existsSync(join(copy, 'password'))]).toEqual([[], true])
      await stage.clock.passUntil(async () => (await newest(stage, 'copy.withdraw')) !== undefined)
      expect(await newest(stage, 'copy.withdraw')).toMatchObject({ box: 'db', containerName: 'thief' })
      await stage.clock.passUntil(() => engine.kills.length > 0)
      expect([engine.kills, existsSync(join(copy, 'password'))]).toEqual([['thief'], false])
    })

    test('is wiped and the container killed, when it is found to hold it', async () => {
      const { engine, stage, copy, thief } = await mounted()
      const id = thief()
      const holder = await heldBy(engine, copy, id)
      engine.tellMounted('db', id)
      engine.tell('start', id)
      await eventually(async () => (await newest(stage, 'copy.withdraw')) ?? null)
      expect(engine.kills).toEqual(['thief'])
      expect(() => holder.read('password')).toThrow()
      await holder.end()
    })

    test('is wiped and the container killed at last by another daemon than began it', async () => {
      const { engine, stage, copy, web, thief } = await mounted()
      const id = thief()
      const holder = await heldBy(engine, copy, id)
      const lease = await leaseOn(join(copy, 'password'))
      const never = 1_000_000
      engine.killFailures = never
      engine.tell('start', id)
      await stage.clock.passUntil(() => engine.killFailures < never)
      expect(holder.read('password')).toBe('hunter2')
      expect(await newest(stage, 'copy.withdraw')).toBeUndefined()
      const next = await stage.again()
      const before = engine.killFailures
      await lease.end()
      next.watch()
      await next.clock.passUntil(async () => (await newest(stage, 'copy.withdraw')) !== undefined)
      expect(() => holder.read('password')).toThrow()
      await next.clock.passUntil(() => engine.killFailures < before - 1)
      engine.killFailures = 0
      await next.clock.passUntil(() => engine.containers.get(id)?.state === 'exited')
      expect(new Set(engine.kills)).toEqual(new Set(['thief']))
      // Then it is done.
      const { length } = engine.kills
      await next.reconcile()
      engine.tell('start', web)
      await next.reconcile()
      expect(engine.kills).toHaveLength(length)
      await holder.end()
    })

    test('is noted with who has it before anything is done, so that a daemon which has only wiped it is followed by one that kills', async () => {
      const { engine, stage, copy, thief } = await mounted()
      const id = thief()
      const holder = await heldBy(engine, copy, id)
      const never = 1_000_000
      engine.killFailures = never
      engine.tell('start', id)
      await eventually(async () => (await newest(stage, 'copy.withdraw')) ?? null)
      await comesTo(() => engine.killFailures < never)
      expect(() => holder.read('password')).toThrow()
      const next = await stage.again()
      // The first one has tried once more at its end.
      await comesTo(() => engine.killFailures < never - 1)
      engine.killFailures = 0
      next.watch()
      await next.clock.passUntil(() => engine.kills.length > 0)
      await next.reconcile()
      expect(engine.kills).toEqual(['thief'])
      await holder.end()
    })

    test('is wiped after the container was killed, where nothing can be noted: a daemon that ends in between leaves none of both undone', async () => {
      const [order, disk]: [string[], { full: boolean }] = [[], { full: false }]
      const { engine, stage, copy, thief } = await mounted({
        wrap: store => ({
          ...store,
          commit: writes =>
            disk.full ? Promise.reject(new SecretboxError('unavailable', 'no space')) : store.commit(writes)
        })
      })
      const copies = { ...stage.copies }
      Object.assign(stage.copies, {
        wipe: (key: CopyKey) => {
          order.push(`wiped, ${engine.kills.length} killed`)
          return copies.wipe(key)
        }
      })
      disk.full = true
      engine.tellMounted('db', thief())
      await comesTo(() => !existsSync(join(copy, 'password')))
      expect(order[0]).toBe('wiped, 1 killed')
      disk.full = false
      await stage.clock.passUntil(async () => (await newest(stage, 'copy.withdraw')) !== undefined)
      expect(engine.kills).toEqual(['thief'])
    })

    test('is told from one that shares the network of another, whose files it has', async () => {
      const { engine, stage, copy, web } = await mounted()
      const vpn = addContainer(engine, 'vpn', { volumes: [], state: 'running', pid: process.pid })
      const holder = await heldBy(engine, copy, web, vpn)
      engine.tell('start', web)
      const named = await eventually(async () => (await newest(stage, 'copy.attach')) ?? null)
      expect(named).toMatchObject({ container: web, containerName: 'web' })
      expect([holder.read('password'), engine.kills]).toEqual(['hunter2', []])
      await holder.end()
    })

    test('is found at one that hides behind the network of its container, and nobody is harmed who is not known', async () => {
      const { engine, stage, copy, web, thief } = await mounted()
      const id = thief()
      const holder = await heldBy(engine, copy, id, web)
      Object.assign(engine.containers.get(id) ?? {}, { state: 'exited' })
      engine.tell('start', id)
      await stage.clock.passUntil(() => engine.asked.filter(each => each.endsWith(`${id}/json`)).length > 1)
      expect([holder.read('password'), engine.kills]).toEqual(['hunter2', []])
      Object.assign(engine.containers.get(id) ?? {}, { state: 'running' })
      await stage.clock.passUntil(async () => (await newest(stage, 'copy.withdraw')) !== undefined)
      expect(() => holder.read('password')).toThrow()
      expect(engine.kills).toEqual(['thief'])
      await holder.end()
    })

    test('is left alone when another has one of its own, be it gone already', async () => {
      const { engine, stage, copy, web, thief, mount } = await mounted()
      const other = thief()
      const id = newId()
      await grant(stage, 'container:*')
      await mount(id)
      const at = Date.now()
      engine.tellMounted('db', other, at)
      await stage.unmount('db', id)
      engine.tellMounted('db', other, at - 1)
      const holder = await heldBy(engine, copy, web)
      engine.tell('start', web)
      await eventually(async () => (await newest(stage, 'copy.attach')) ?? null)
      expect(holder.read('password')).toBe('hunter2')
      expect(engine.kills).toEqual([])
      await holder.end()
    })

    test('is left alone when it came to its container, and a running one is only copied from', async () => {
      const { engine, stage, copy, web, thief } = await mounted()
      const id = thief()
      Object.assign(engine.containers.get(id) ?? {}, { state: 'running' })
      engine.tellMounted('db', id)
      engine.tellMounted('db', web)
      const holder = await heldBy(engine, copy, web)
      engine.tell('start', web)
      const named = await eventually(async () => (await newest(stage, 'copy.attach')) ?? null)
      expect(named).toMatchObject({ container: web })
      engine.tellMounted('db', id)
      await stage.reconcile()
      expect(holder.read('password')).toBe('hunter2')
      expect(engine.kills).toEqual([])
      await holder.end()
    })
  }
)
