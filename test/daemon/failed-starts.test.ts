import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cannotMount } from '../tmpfs.ts'
import { eventually } from '../engine/faults/eventually.ts'
import { makeBox } from './driver.ts'
import { addContainer, standInEngine, type StandInContainer, type StandInEngine } from './stand-in-engine.ts'
import { start, type Started } from './started.ts'

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

async function until(holds: () => boolean): Promise<void> {
  if ((await eventually(() => Promise.resolve(holds() || null), 15_000)) === null)
    throw new Error('it did not come to that')
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
      'other-cause': { error: refused('other-cause', 'no such box "other-cause"') },
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
    await until(() => started(daemon).length === 2)
    expect(started(daemon).sort()).toEqual(['always', 'created'])
    expect(engine.starts.sort()).toEqual(['always', 'created'])
  })

  test('are tried again while the Engine is too busy, and given up when it says that something else is wrong', async () => {
    const engine = await standInEngine()
    const daemon = await sealedDaemon(engine, ['busy', 'broken', 'removed'])
    let tries = 0
    addContainer(engine, 'busy', {
      error: refused('busy', sealed),
      onStart: () => (++tries < 3 ? 503 : 204)
    })
    const broken = addContainer(engine, 'broken', {
      error: refused('broken', sealed),
      onStart() {
        Object.assign(engine.containers.get(broken) ?? {}, {
          error: refused('broken', 'no such box "broken"')
        })
        return 500
      }
    })
    addContainer(engine, 'removed', { error: refused('removed', sealed), onStart: () => 409 })

    renameSync(awayOf(daemon), keyOf(daemon))
    await until(() => started(daemon).length === 1)
    expect(started(daemon)).toEqual(['busy'])
    const triesOf = (name: string): number => engine.starts.filter(each => each === name).length
    expect(triesOf('busy')).toBe(3)
    expect(triesOf('broken')).toBe(1)
    expect(daemon.daemon.log()).toContain('cannot start a container whose volume could not be mounted before')
  })

  test('are left alone when the operator wants that', async () => {
    const engine = await standInEngine()
    const daemon = await sealedDaemon(engine, ['always'], { START_FAILED: 'false' })
    addContainer(engine, 'always', { error: refused('always', sealed) })
    renameSync(awayOf(daemon), keyOf(daemon))
    // Two streams, one after the other: whatever the first led to has happened when the second is there.
    for (let i = 0; i < 2; i++) {
      await until(() => engine.breakStreams() > 0)
      await engine.followed()
    }
    await makeBox(daemon.daemon.adminSocket, 'unsealed', {})
    expect(engine.starts).toEqual([])
  })
})

describe.skipIf(cannotMount)(
  'containers that could not start because the plugin was not there (takes root)',
  () => {
    const reasons = [
      'get db: error while checking if volume "db" exists in driver "secretbox:latest": error looking up volume plugin secretbox:latest: plugin secretbox:latest found but disabled',
      'error looking up volume plugin secretbox:latest: plugin "secretbox:latest" not found',
      `error while mounting volume '': Post "http://%2Frun%2Fdocker%2Fplugins%2F68be%2Fsecretbox.sock/VolumeDriver.Mount": dial unix /run/docker/plugins/68be/secretbox.sock: connect: no such file or directory`,
      refused(
        'db',
        'the Engine does not see what is mounted here (the plugin starts again now; try once more when it has)'
      )
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
          volumes: ['db'],
          error: error.replaceAll('secretbox', 'sshfs').replaceAll('"db"', '"x"')
        })
      }
      const daemon = await first.again('SIGKILL')
      await until(() => started(daemon).length === reasons.length)
      expect(engine.starts.sort()).toEqual(reasons.map((_, index) => `ours-${index}`))
    })

    test('are looked for again when the Engine has begun anew', async () => {
      const engine = await standInEngine()
      const daemon = await start({ SECRETBOX_DOCKER_SOCKET: engine.socket })
      await makeBox(daemon.daemon.adminSocket, 'db', { password: 'hunter2' })
      await daemon.driver.createVolume('db')
      await engine.followed()
      addContainer(engine, 'db', { error: refused('db', sealed) })
      engine.breakStreams()
      await until(() => started(daemon).length > 0)
      expect(engine.starts).toEqual(['db'])
    })
  }
)
