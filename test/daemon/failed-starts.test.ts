import { renameSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { connectEngine } from '../../src/engine/engine.ts'
import { SecretboxError } from '../../src/base/errors.ts'
import { Denial } from '../../src/vault/access/denial.ts'
import { parseVolumeName } from '../../src/base/names.ts'
import { createFailedStarts, type FailedStarts } from '../../src/controller/failed-starts.ts'
import { createRefusals, type Refusals } from '../../src/lifecycle/refusals.ts'
import { createTestClock } from '../kit/clock.ts'
import { openDriverStage } from '../copies/driver-stage.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { comesTo, eventually } from '../kit/eventually.ts'
import { makeBox } from '../kit/driver.ts'
import {
  addContainer,
  standInEngine,
  type StandInContainer,
  type StandInEngine
} from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

const sealed =
  'the vault is sealed: there is no key file "/etc/secretbox/key" (put the key file back; the vault opens by itself when it is there)'

/** What the Engine notes when our Mount of a volume fails. */
function refused(volume: string, reason: string): string {
  return `error while mounting volume '': VolumeDriver.Mount: cannot mount volume "${volume}": ${reason}`
}

/** A daemon that has volumes with these names and has lost its key. */
async function sealedDaemon(engine: StandInEngine, volumes: string[], settings = {}): Promise<Started> {
  const first = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket, ...settings })
  for (const volume of volumes) {
    await makeBox(first.daemon.adminSocket, volume, { password: 'hunter2' })
    await first.driver.createVolume(volume)
  }
  renameSync(keyOf(first), awayOf(first))
  const followed = engine.followed()
  const started = await first.again('SIGKILL')
  await followed
  return started
}

const keyOf = ({ daemon }: Started): string => join(daemon.directory, 'key/key')
const awayOf = ({ daemon }: Started): string => join(daemon.directory, 'away')

/** What the Engine notes when an image's USER, program or working directory is such a text. */
function forgeries(error: string): Record<string, string> {
  return {
    user: `unable to find user ${error}: no matching entries in passwd file`,
    program: `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: ${JSON.stringify(error)}: stat ${error}: no such file or directory: unknown`,
    directory: `Cannot mkdir: ${error}`,
    lines: `unable to find user\n${error}`
  }
}

/** How the daemon's log tells of started containers. */
function started({ daemon }: Started): string[] {
  return daemon
    .log()
    .split('\n')
    .filter(line => line.includes('"msg":"started a container whose volume could not be mounted before"'))
    .map(line => (JSON.parse(line) as { container: string }).container)
}

describe.skipIf(cannotMount)('containers that could not start for want of the key (takes root)', () => {
  test('are started when it is there, and no others', async () => {
    const engine = await standInEngine()
    const others: Record<string, Partial<StandInContainer>> = {
      'no-policy': { restartPolicy: 'no' },
      'other-cause': { error: 'unable to find user app: no matching entries in passwd file' },
      'other-driver': { error: `error while mounting volume '/x': VolumeDriver.Mount: permission denied` },
      'other-volume': { error: refused('elsewhere', sealed) },
      'not-ours': { volumes: ['elsewhere'], error: refused('elsewhere', sealed) },
      running: { state: 'running', error: refused('running', sealed) },
      'stopped-by-hand': { error: '' }
    }
    const ours = ['always', 'created', ...Object.keys(others).filter(name => name !== 'not-ours')]
    const daemon = await sealedDaemon(engine, ours)
    addContainer(engine, 'always', { error: refused('always', sealed) })
    addContainer(engine, 'created', { state: 'created', error: refused('created', sealed) })
    for (const [name, changes] of Object.entries(others))
      addContainer(engine, name, { error: refused(name, sealed), ...changes })
    expect(engine.starts).toEqual([])

    renameSync(awayOf(daemon), keyOf(daemon))
    await comesTo(() => started(daemon).length === 2)
    expect(started(daemon).sort()).toEqual(['always', 'created'])
    expect(engine.starts.sort()).toEqual(['always', 'created'])
  })

  test('are left alone when the operator wants that', async () => {
    const engine = await standInEngine()
    const daemon = await sealedDaemon(engine, ['always'], { START_FAILED: 'false' })
    addContainer(engine, 'always', { error: refused('always', sealed) })
    renameSync(awayOf(daemon), keyOf(daemon))
    // Two streams, one after the other: whatever the first led to has happened when the second is there.
    for (let i = 0; i < 2; i++) {
      await comesTo(() => engine.breakStreams() > 0)
      await engine.followed()
    }
    await makeBox(daemon.daemon.adminSocket, 'unsealed', {})
    expect(engine.starts).toEqual([])
  })
})

describe.skipIf(cannotMount)(
  'containers that could not start because the plugin was not there (takes root)',
  () => {
    const socket = '/run/docker/plugins/68be/secretbox.sock'
    const contents = `/var/lib/docker/plugins/68be/propagated-mount/${'0'.repeat(32)}/contents`
    const noSocket = `dial unix ${socket}: connect: no such file or directory`
    const looking = 'get db: error while checking if volume "db" exists in driver "secretbox:latest": '
    const disabled =
      'error looking up volume plugin secretbox:latest: plugin secretbox:latest found but disabled'
    // As Engines 20.10.24, 26.1.5 and 28.5.2 say it.
    const reasons = [
      `${looking}${disabled}`,
      `error while mounting volume '': ${looking}${disabled}`,
      `error while mounting volume '/var/lib/docker/plugins/68be/rootfs': ${looking}${disabled}`,
      `error while mounting volume '': ${looking}error looking up volume plugin secretbox:latest: plugin "secretbox:latest" not found`,
      `error while mounting volume '': ${looking}Post "http://${encodeURIComponent(socket)}/VolumeDriver.Get": ${noSocket}`,
      `error while mounting volume '': ${looking}Post "http://plugin.moby.localhost/VolumeDriver.Get": ${noSocket}`,
      `error while mounting volume '': Post "http://plugin.moby.localhost/VolumeDriver.Mount": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      `error while mounting volume '': VolumeDriver.Mount: bad request VolumeDriver.Mount: the body is empty, it must be JSON`,
      refused(
        'db',
        'the Engine does not see what is mounted here (the plugin starts again now; try once more when it has)'
      ),
      refused('db', 'cannot write store "/var/lib/secretbox/store.db": the disk is full'),
      `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "${contents}" to rootfs at "/secrets": stat ${contents}: no such file or directory: unknown`,
      `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: failed to fulfil mount request: open ${contents}: no such file or directory`,
      `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: failed to fulfil mount request: open ${contents}/the password: no such file or directory`,
      refused('db', 'no such box "db"'),
      refused('db', 'internal error')
    ]

    test('are started by the plugin, and not those whose error is about another one', async () => {
      const engine = await standInEngine()
      const first = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
      await makeBox(first.daemon.adminSocket, 'db', { password: 'hunter2' })
      await first.driver.createVolume('db')
      await engine.followed()
      for (const [index, error] of reasons.entries()) {
        addContainer(engine, `ours-${index}`, { volumes: ['db'], error })
        addContainer(engine, `other-${index}`, {
          volumes: ['elsewhere'],
          error: error.replaceAll('secretbox:', 'sshfs:').replaceAll('"db"', '"elsewhere"')
        })
        // What an image asks for stands in the Engine's words, too, but never alone.
        for (const [kind, forged] of Object.entries(forgeries(error)))
          addContainer(engine, `${kind}-${index}`, { volumes: ['db'], error: forged })
      }
      const daemon = await first.again('SIGKILL')
      await comesTo(() => started(daemon).length === reasons.length)
      expect(engine.starts.sort()).toEqual(reasons.map((_, index) => `ours-${index}`).sort())
    })

    test('are looked for again when the Engine has begun anew', async () => {
      const engine = await standInEngine()
      const stage = await openDriverStage({ engine: connectEngine(engine.socket) })
      await stage.makeVolume('db', 'hunter2')
      stage.watch()
      await engine.followed()
      addContainer(engine, 'db', { error: refused('db', sealed) })
      engine.breakStreams()
      await stage.clock.passUntil(() => engine.starts.length > 0)
      expect(engine.starts).toEqual(['db'])
    })
  }
)

/** What a daemon has to make up for failed starts, with a clock that goes on when the test says so. */
async function atHand(): Promise<{
  engine: StandInEngine
  refusals: Refusals
  failedStarts: FailedStarts
  log: () => string
  /** Lets the time pass, and everything be tried that is due then. */
  pass: (ms: number) => Promise<void>
}> {
  const engine = await standInEngine()
  const clock = createTestClock()
  const lines: string[] = []
  const refusals = createRefusals(clock)
  const failedStarts = createFailedStarts({
    ...{ engine: connectEngine(engine.socket), refusals, clock },
    volumes: () => Promise.resolve(['db']),
    log: pino({ base: null }, { write: line => void lines.push(line) })
  })
  const pass = async (ms: number): Promise<void> => {
    const endMs = clock.nowMs() + ms
    while (clock.nowMs() < endMs) {
      if (await failedStarts.isDue(clock.nowMs())) await failedStarts.run()
      await failedStarts.settled()
      clock.pass(1000)
    }
  }
  return { engine, refusals, failedStarts, log: () => lines.join(''), pass }
}

const hour = 3_600_000

describe('a container that cannot be started', () => {
  test('is tried ever more seldom, then given up, which is said once', async () => {
    const { engine, failedStarts, log, pass } = await atHand()
    addContainer(engine, 'db', { error: refused('db', sealed), onStart: () => 409 })
    failedStarts.expect()
    await pass(7000)
    expect(engine.starts).toHaveLength(3)
    expect(failedStarts.all()).toEqual([
      { container: 'db', tries: 3, isGivenUp: false, error: refused('db', sealed) }
    ])
    await pass(24 * hour)
    expect(engine.starts).toHaveLength(6)
    expect(failedStarts.all()).toMatchObject([{ container: 'db', tries: 6, isGivenUp: true }])
    expect(log().match(/cannot start a container/g)).toHaveLength(1)
    expect(log().match(/gave up starting a container/g)).toHaveLength(1)
    failedStarts.expect()
    await pass(1000)
    expect(engine.starts).toHaveLength(7)
  })

  test('is tried again while the Engine is too busy, and left alone when something else is wrong, or it is gone', async () => {
    const { engine, failedStarts, log, pass } = await atHand()
    let tries = 0
    addContainer(engine, 'busy', {
      ...{ volumes: ['db'], error: refused('db', sealed) },
      onStart: () => (++tries < 3 ? 503 : 204)
    })
    const broken = addContainer(engine, 'broken', {
      ...{ volumes: ['db'], error: refused('db', sealed) },
      onStart() {
        Object.assign(engine.containers.get(broken) ?? {}, {
          error: 'failed to create task for container: no such program'
        })
        return 400
      }
    })
    const removed = addContainer(engine, 'removed', {
      ...{ volumes: ['db'], error: refused('db', sealed) },
      onStart() {
        engine.containers.delete(removed)
        return 409
      }
    })
    failedStarts.expect()
    await pass(hour)
    const triesOf = (name: string): number => engine.starts.filter(each => each === name).length
    expect(['busy', 'broken', 'removed'].map(triesOf)).toEqual([3, 1, 1])
    expect(failedStarts.all()).toEqual([])
    expect(log()).toContain('cannot start a container whose volume could not be mounted before')
  })

  test('is tried as long as it is the full disk that keeps it from starting', async () => {
    const { engine, refusals, failedStarts, pass } = await atHand()
    const full = new SecretboxError('full', 'cannot write store "/s": the disk is full')
    let isFull = true
    addContainer(engine, 'db', {
      error: refused('db', full.message),
      onStart() {
        if (!isFull) return 204
        refusals.refuse(parseVolumeName('db'), full)
        return 500
      }
    })
    refusals.refuse(parseVolumeName('db'), full)
    await pass(hour)
    const tries = engine.starts.length
    expect(tries).toBeGreaterThan(30)
    expect(tries).toBeLessThan(100)
    expect(failedStarts.all()).toMatchObject([{ container: 'db', isGivenUp: false }])
    isFull = false
    await pass(61_000)
    expect(engine.starts).toHaveLength(tries + 1)
    expect(failedStarts.all()).toEqual([])
  })

  test('waits for its box when that is missing, and is tried when there is one', async () => {
    const { engine, refusals, failedStarts, pass } = await atHand()
    const noBox = new SecretboxError('not_found', 'no such box "db"')
    addContainer(engine, 'db', { error: refused('db', noBox.message) })
    refusals.refuse(parseVolumeName('db'), noBox)
    await pass(hour)
    expect(engine.starts).toEqual([])
    refusals.changed('box')
    await pass(1000)
    expect(engine.starts).toEqual(['db'])
    expect(failedStarts.all()).toEqual([])
  })

  test('waits for a grant when it may not use its box, while another container of the volume does not', async () => {
    const { engine, refusals, failedStarts, pass } = await atHand()
    const denied = new Denial('denied', 'it may not', {
      ...{ hint: 'grant it', details: {} },
      containers: [addContainer(engine, 'other', { volumes: ['db'], error: refused('db', 'it may not') })]
    })
    addContainer(engine, 'db', { error: refused('db', 'it may not') })
    refusals.refuse(parseVolumeName('db'), denied)
    await pass(hour)
    expect(engine.starts).toEqual(['db'])
    refusals.changed('box')
    await pass(hour)
    expect(engine.starts).toEqual(['db'])
    refusals.changed('grant')
    await pass(1000)
    expect(engine.starts).toEqual(['db', 'other'])
    expect(failedStarts.all()).toEqual([])
  })

  test('is tried again when what it waits for came while its Mount was being refused', async () => {
    const { engine, refusals, pass } = await atHand()
    const noBox = new SecretboxError('not_found', 'no such box "db"')
    const id = addContainer(engine, 'db', { error: refused('db', noBox.message) })
    const begunMs = refusals.nowMs()
    await pass(1000)
    refusals.changed('box', 'grant')
    refusals.refuse(parseVolumeName('db'), noBox, begunMs)
    expect(refusals.boxFor('db')).toBe('come')
    const denied = new Denial('denied', 'it may not', { hint: 'grant it', details: {}, containers: [id] })
    refusals.refuse(parseVolumeName('db'), denied, begunMs)
    expect(refusals.grantFor(id)).toBe('come')
    await pass(1000)
    expect(engine.starts).toEqual(['db'])
  })

  test('is not started at once with another one of its volume, for a Mount does not say whose it is', async () => {
    const { engine, failedStarts } = await atHand()
    const ended = Promise.withResolvers<undefined>()
    for (const name of ['one', 'two'])
      addContainer(engine, name, {
        ...{ volumes: ['db'], error: refused('db', sealed) },
        onStart: () => (name === 'one' ? ended.promise.then(() => 204) : 204)
      })
    failedStarts.expect()
    await failedStarts.run()
    await eventually(() => Promise.resolve(engine.starts.length > 0 || null))
    expect(engine.starts).toEqual(['one'])
    ended.resolve(undefined)
    await failedStarts.settled()
    expect(engine.starts).toEqual(['one', 'two'])
  })

  test('keeps no other waiting by a start that never ends', async () => {
    const { engine, failedStarts } = await atHand()
    addContainer(engine, 'endless', {
      ...{ volumes: ['db'], error: refused('db', sealed) },
      onStart: () => new Promise<number>(() => undefined)
    })
    failedStarts.expect()
    await failedStarts.run()
    const started = Promise.withResolvers<unknown>()
    addContainer(engine, 'db', {
      error: refused('db', sealed),
      onStart() {
        started.resolve(null)
        return 204
      }
    })
    failedStarts.expect()
    await failedStarts.run()
    await started.promise
    expect(engine.starts).toEqual(['endless', 'db'])
  })
})

test.each([
  ['sealed', 'time'],
  ['full', 'time'],
  ['unavailable', 'time'],
  ['internal', 'time'],
  ['not_found', 'box'],
  ['too_large', 'box']
] as const)('a Mount that is refused as %s waits for %s', (code, what) => {
  const refusals = createRefusals(createTestClock())
  const volume = parseVolumeName('db')
  const error = refusals.refuse(volume, new SecretboxError(code, 'why', { hint: 'what to do' }))
  expect(error).toMatchObject({ code, message: 'cannot mount volume "db": why', hint: 'what to do' })
  expect(refusals.boxFor(volume)).toBe(what === 'box' ? 'missing' : null)
})

test('a Mount that fails by a fault of ours is refused in the same words', () => {
  const error = createRefusals(createTestClock()).refuse(
    parseVolumeName('db'),
    new TypeError('x is not a function')
  )
  expect(error).toMatchObject({ code: 'internal', message: 'cannot mount volume "db": internal error' })
})
