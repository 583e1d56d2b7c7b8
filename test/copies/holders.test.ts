import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MountId } from '../../src/vault/names.ts'
import { createHolders } from '../../src/volumes/holders.ts'
import { mountSourceOf } from '../../src/volumes/mount-table.ts'

let directory: string
let id: MountId

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'secretbox-holders-'))
  id = randomBytes(32).toString('hex') as MountId
})
afterEach(() => rm(directory, { recursive: true }))

/**
 * A process with a mount namespace of its own (unshare(2)) in which a file system with the copy's name is mounted.
 * With `endMainThread` only its main thread ends (exit(2) of that thread alone), and a worker goes on.
 */
const holder = `
  const { Worker } = require('node:worker_threads')
  const koffi = require('koffi')
  const libc = koffi.load(null)
  const [, source, target, endMainThread] = process.argv
  const [newNamespace, recursivePrivate] = [0x20000, 0x44000]
  if (libc.func('int unshare(int)')(newNamespace) !== 0) throw new Error('unshare')
  const mount = libc.func('int mount(const char *, const char *, const char *, unsigned long, const char *)')
  if (mount('none', '/', null, recursivePrivate, null) !== 0) throw new Error('private')
  if (mount(source, target, 'tmpfs', 0, 'size=4096') !== 0) throw new Error('mount')
  const code = "require('node:worker_threads').parentPort.postMessage('up'); setInterval(() => {}, 1 << 30)"
  new Worker(code, { eval: true }).once('message', () => {
    require('node:fs').writeSync(1, 'ready')
    const exitThread = process.arch === 'arm64' ? 93 : 60
    if (endMainThread === 'yes') libc.func('long syscall(long, long)')(exitThread, 0)
  })
`

test.each(['no', 'yes'])(
  'a process holds what its threads see; its main thread has ended: %s',
  async endMainThread => {
    const child = spawn(process.execPath, ['-e', holder, mountSourceOf(id), directory, endMainThread], {
      cwd: new URL('../..', import.meta.url).pathname,
      stdio: ['ignore', 'pipe', 'inherit']
    })
    const ended = once(child, 'exit')
    try {
      await once(child.stdout, 'data')
      while (endMainThread === 'yes' && !readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') Z ')) {
        await new Promise(setImmediate)
      }
      expect(await createHolders().of(id)).toMatchObject([{ pid: child.pid, containerId: null }])
    } finally {
      child.kill('SIGKILL')
    }
    await ended
    expect(await createHolders().of(id)).toEqual([])
  }
)
