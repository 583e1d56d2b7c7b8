import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { CopyKey } from '../../src/copies/copy-key.ts'
import { createHolders, type Sight } from '../../src/copies/holders.ts'
import { mountAsNobody } from '../kit/engine/attacker.ts'
import { compiled } from '../kit/engine/compiled.ts'
import { hold } from '../kit/hold.ts'
import { temporaryDirectory } from '../kit/temporary.ts'
import { cannotMount } from '../kit/tmpfs.ts'
import { newKey, newPlace, plain, type Place } from './place.ts'

const container = 'c0'.repeat(32)
const kernels = [
  ['as the kernel lists them', []],
  ['by their tables, as before Linux 6.12', ['--old-kernel']]
] as const

/** A process that is let go at the end of the test; resolves when it has written something. */
async function running(script: string, cwd: string, ...wrapper: string[]): Promise<number> {
  const command = [...wrapper, 'sh', '-c', script]
  const [program, ...args] = command as [string, ...string[]]
  const child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await Promise.race([once(child.stdout, 'data'), ended.then(() => Promise.reject(new Error('it ended')))])
  return child.pid ?? 0
}

/** The number of a CPU that this process may run on. */
function anAllowedCpu(): string {
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
}

describe.skipIf(cannotMount).each(kernels)('mount tables %s (takes root)', (_name, options) => {
  /** A place with a copy in it, and who holds that. */
  const withCopy = async (): Promise<
    Place & { key: CopyKey; look: () => Promise<Sight>; device: number }
  > => {
    const place = await newPlace(options)
    const key = newKey()
    const device = await place.copies.make(key, null, plain)
    const holders = createHolders(place.supervisor)
    return { ...place, key, device, look: () => holders.of([{ key, device }]) }
  }

  test('a copy that is where it was made alone is held by nobody', async () => {
    const { key, device, look } = await withCopy()
    const sight = await look()
    expect(sight.of({ key, device })).toEqual([])
    expect(sight.isComplete).toBe(options.length === 0)
  })

  test('a container holds what its table shows, and is known by its own files', async () => {
    const { copies, key, device, look } = await withCopy()
    const held = await hold(copies.pathOf(key), container)
    expect((await look()).of({ key, device })).toMatchObject([{ containerId: container }])
    await held.end()
    expect((await look()).of({ key, device })).toEqual([])
  })

  test('a copy of another directory of the same mount namespace does not count, nor does the place where it was made', async () => {
    const { copies, key, device, look, directory } = await withCopy()
    // A namespace of its own has the copy at its place, as every process that was started with it has.
    await running('echo up; exec cat', directory, 'unshare', '--mount')
    expect((await look()).of({ key, device })).toEqual([])
    const elsewhere = join(temporaryDirectory(), 'bound')
    mkdirSync(elsewhere)
    const pid = await running(
      `mount --bind ${copies.pathOf(key)} ${elsewhere}; echo up; exec cat`,
      directory,
      ...['unshare', '--mount', '--propagation', 'private']
    )
    expect((await look()).of({ key, device })).toEqual([{ containerId: null, pid }])
  })

  test('a process that has changed its root holds what its mount namespace shows', async () => {
    const { copies, key, device, look } = await withCopy()
    const jail = temporaryDirectory()
    const held = await hold(copies.pathOf(key), container, jail)
    expect(readFileSync(`/proc/${held.pid}/mountinfo`, 'utf8')).not.toContain('secretbox:')
    expect((await look()).of({ key, device })).toMatchObject([{ containerId: container }])
  })

  test('a process whose main thread has ended holds what its other threads see', async () => {
    const { copies, key, device, look, directory } = await withCopy()
    const elsewhere = temporaryDirectory()
    const script = join(temporaryDirectory(), 'threads.cjs')
    writeFileSync(script, threads)
    const child = spawn(process.execPath, [script, copies.pathOf(key), elsewhere], {
      cwd: new URL('../..', import.meta.url).pathname,
      env: { ...process.env, NODE_PATH: new URL('../../node_modules', import.meta.url).pathname },
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const ended = once(child, 'exit')
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await ended
    })
    await once(child.stdout, 'data')
    while (!readFileSync(`/proc/${child.pid ?? 0}/stat`, 'utf8').includes(') Z '))
      await new Promise(setImmediate)
    expect((await look()).of({ key, device })).toHaveLength(1)
    expect(directory).not.toBe('')
  })

  test('a mount that only bears the name of a copy is none of it', async () => {
    const { key, device, directory, look } = await withCopy()
    const elsewhere = temporaryDirectory()
    await running(
      `mount -t tmpfs -o size=4k secretbox:${key} ${elsewhere}; echo up; exec cat`,
      directory,
      ...['unshare', '--user', '--map-root-user', '--mount']
    )
    expect((await look()).of({ key, device })).toEqual([])
  })

  test('a file system that got the number of a copy which is gone is none of it', async () => {
    const { copies, supervisor } = await newPlace(options)
    const [gone, here] = [newKey(), newKey()]
    const device = await copies.make(here, null, plain)
    const held = await hold(copies.pathOf(here), container)
    const sight = await createHolders(supervisor).of([gone, here].map(key => ({ key, device })))
    expect(sight.of({ key: gone, device })).toEqual([])
    expect(sight.of({ key: here, device })).toMatchObject([{ containerId: container }])
    await held.end()
  })

  test('twenty thousand mounts of somebody else change nothing', async () => {
    const { copies, key, device, look } = await withCopy()
    const root = temporaryDirectory()
    // The attacker is a user who has no right at all.
    chmodSync(root, 0o711)
    onTestFinished(await mountAsNobody(compiled({ root }, 'attacker'), `secretbox:${key}`, 20_000))
    await hold(copies.pathOf(key), container)
    expect((await look()).of({ key, device })).toMatchObject([{ containerId: container }])
  })
})

describe.skipIf(cannotMount)('a look (takes root)', () => {
  test('sees a mount namespace in which no process is any more', async () => {
    const { copies, directory, supervisor } = await newPlace()
    const key = newKey()
    const device = await copies.make(key, null, plain)
    const elsewhere = temporaryDirectory()
    const parent = temporaryDirectory()
    // A namespace that is mounted itself (mount_namespaces(7)) stays; it must lie in another than its own.
    const script = `mount --bind ${parent} ${parent}; mount --make-private ${parent}; touch ${parent}/ns
      unshare --mount=${parent}/ns --propagation private mount --bind ${copies.pathOf(key)} ${elsewhere}
      echo up; exec cat`
    // On one CPU: it must also be older than the one mounted in it, and Linux 6.18 numbers them for each CPU apart.
    await running(
      script,
      directory,
      'taskset',
      '--cpu-list',
      anAllowedCpu(),
      'unshare',
      '--mount',
      '--propagation',
      'private'
    )
    const sight = await createHolders(supervisor).of([{ key, device }])
    expect(sight.of({ key, device })).toEqual([{ containerId: null, pid: null }])
  })

  test('whose process is killed does not claim what it has not seen, and the next one is complete', async () => {
    const { copies, supervisor } = await newPlace()
    const key = newKey()
    const device = await copies.make(key, null, plain)
    const holders = createHolders(supervisor)
    const children = readFileSync(
      `/proc/${supervisor.child.pid ?? 0}/task/${supervisor.child.pid ?? 0}/children`,
      'utf8'
    )
    const looker = Number(children.trim().split(' ')[0])
    process.kill(looker, 'SIGSTOP')
    const looking = holders.of([{ key, device }])
    process.kill(looker, 'SIGKILL')
    // It was killed with the question, or the next one has answered it.
    expect((await looking).of({ key, device })).toEqual([])
    expect((await holders.of([{ key, device }])).isComplete).toBe(true)
  })
})

/** Binds a copy in a mount namespace of its own; then its main thread ends, and a worker goes on. */
const threads = `
  const { Worker } = require('node:worker_threads')
  const koffi = require('koffi')
  const libc = koffi.load(null)
  const [, , source, target] = process.argv
  const [newNamespace, recursivePrivate, bind] = [0x20000, 0x44000, 4096]
  if (libc.func('int unshare(int)')(newNamespace) !== 0) throw new Error('unshare')
  const mount = libc.func('int mount(const char *, const char *, const char *, unsigned long, const char *)')
  if (mount('none', '/', null, recursivePrivate, null) !== 0) throw new Error('private')
  if (mount(source, target, null, bind, null) !== 0) throw new Error('mount')
  const code = "require('node:worker_threads').parentPort.postMessage('up'); setInterval(() => {}, 1 << 30)"
  new Worker(code, { eval: true }).once('message', () => {
    require('node:fs').writeSync(1, 'ready')
    libc.func('long syscall(long, long)')(process.arch === 'arm64' ? 93 : 60, 0)
  })
`
