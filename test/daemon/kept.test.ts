import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Container } from '../../src/engine/engine.ts'
import { parseMountId, parseVolumeName } from '../../src/base/names.ts'
import { copyKeyOf } from '../../src/copies/copy-key.ts'
import { createKept, describeKept } from '../../src/lifecycle/kept.ts'
import type { CopyName } from '../../src/lifecycle/facts.ts'
import { idleContainer } from '../copies/engines.ts'
import { builtCli } from '../kit/built.ts'
import { runProgram, type Outcome } from '../kit/run-program.ts'
import { eventually } from '../kit/eventually.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { freshId, makeBox } from '../kit/driver.ts'
import { addContainer, standInEngine } from '../kit/stand-in-engine.ts'
import { start, type Started } from '../kit/started.ts'

/** A kernel that does not show every mount namespace. */
const olderKernel = { SECRETBOX_SUPERVISOR_OPTIONS: '--old-kernel', GRACE_SECONDS: '0' }

function vault({ daemon }: Started, ...args: string[]): Promise<Outcome> {
  const env = { PATH: process.env['PATH'], SECRETBOX_SOCKET: daemon.adminSocket }
  return runProgram(builtCli, args, { env })
}

/** Resolves once the status shows so many kept copies, to the whole of it. */
async function shownWith(started: Started, kept: string): Promise<Outcome> {
  const shown = await eventually(async () => {
    const { stdout } = await vault(started, 'status', '-f', '{{json .Kept}}')
    return stdout.includes(kept) || null
  })
  expect(shown).toBe(true)
  return vault(started, 'status')
}

test.skipIf(cannotMount)(
  'status shows a copy that is kept since not all can be seen, why, and what to do, until it is gone (takes root)',
  async () => {
    const engine = await standInEngine()
    const first = await start({ ...olderKernel, SECRETBOX_DOCKER_SOCKET: engine.socket })
    await makeBox(first.daemon.adminSocket, 'db', { password: 'hunter2' })
    await first.driver.createVolume('db')
    const id = addContainer(engine, 'web', { volumes: ['db'], state: 'running' })
    const copy = await first.driver.mount('db', freshId())
    // Its Unmount is lost, as far as the next daemon knows.
    const started = await first.again('SIGKILL')
    const { code, stdout, stderr } = await shownWith(started, '"Copies":1')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Copies: +1$/m)
    expect(stdout).toMatch(
      /^Kept: +1 copy of volume "db": no container is seen to hold it, but not every mount table can be read, and of its volume "web" runs$/m
    )
    expect(stderr).toBe(
      'hint: what is kept of "db" is wiped once none of its containers runs: docker stop web\n'
    )
    expect(await vault(started, 'status', '-q')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(existsSync(copy)).toBe(true)

    Object.assign(engine.containers.get(id) ?? {}, { state: 'exited' })
    const after = await shownWith(started, '[]')
    expect(after).toMatchObject({ code: 0, stderr: '' })
    expect(after.stdout).toMatch(/^Copies: +0$/m)
    expect(after.stdout).not.toContain('Kept')
    expect(existsSync(copy)).toBe(false)
  }
)

test.skipIf(cannotMount)(
  'an Unmount that leaves a copy for want of evidence shows it at once (takes root)',
  async () => {
    const started = await start(olderKernel)
    await makeBox(started.daemon.adminSocket, 'db', { password: 'hunter2' })
    await started.driver.createVolume('db')
    const id = freshId()
    await started.driver.mount('db', id)
    const next = await started.again('SIGKILL')
    await next.driver.unmount('db', id)
    const { stdout, stderr } = await vault(next, 'status')
    expect(stdout).toMatch(/^Kept: +1 copy of volume "db": .*, and the Engine does not answer$/m)
    expect(stderr).toContain('hint: what is kept of "db" is wiped once the Engine says that none')
  }
)

const copy = (volume: string | null): CopyName => {
  const mount = parseMountId(freshId())
  const owner = volume === null ? null : { volume: parseVolumeName(volume), mount }
  return { key: copyKeyOf(parseVolumeName(volume ?? 'lost'), mount), owner }
}

const container = (name: string | null, state: string, ...volumes: string[]): Container =>
  idleContainer({ name, state, volumes })

test('kept copies are told of by volume, with the containers that they wait for', () => {
  const kept = [copy('db'), copy('web'), copy('db'), copy(null)]
  const containers = [
    container('one', 'running', 'db', 'other'),
    container(null, 'paused', 'db'),
    container('two', 'exited', 'db', 'web')
  ]
  const told = describeKept(kept, containers)
  expect(told.map(({ volume, copies }) => [volume, copies])).toEqual([
    ['db', 2],
    ['web', 1],
    [null, 1]
  ])
  expect(told.map(({ reason }) => reason.replace(/^.*, and /, ''))).toEqual([
    'of its volume "one", "cccccccccccc" run',
    'it was not looked at again yet',
    'nothing tells of which volume it was made'
  ])
  expect(told[0]?.hint).toMatch(/: docker stop one cccccccccccc$/)
  expect(describeKept(kept, null)[0]?.reason).toMatch(/, and the Engine does not answer$/)
  expect(describeKept([], null)).toEqual([])
})

test('a pass says of all copies which are kept, and one that is gone is not', () => {
  const kept = createKept()
  const [a, b] = [copy('a'), copy('b')]
  kept.add(a)
  kept.judged([b])
  expect(kept.all()).toEqual([b])
  kept.add(a)
  kept.remove(b.key)
  expect(kept.all()).toEqual([a])
})
