import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SecretboxError } from '../../src/errors.ts'
import { SyscallError, type Syscalls } from '../../src/syscalls.ts'
import { openCopies, type CopyContents } from '../../src/volumes/copies.ts'
import { temporaryDirectory } from '../temporary.ts'
import { cannotMount } from '../tmpfs.ts'
import { contentsOf, mountsBelow, newId, newPlace, plain, syscalls } from './place.ts'

const [noPermission, badArgument] = [1, 22]

/** The kernel, refusing the mounts that `refuses` names. */
function refusing(refuses: (options: string | null, nth: number) => number | null): Syscalls {
  let nth = 0
  return {
    ...syscalls,
    mount(...args) {
      const errno = refuses(args[4], ++nth)
      if (errno !== null) throw new SyscallError('mount', errno)
      syscalls.mount(...args)
    }
  }
}

describe.skipIf(cannotMount)('a copy that cannot be made (takes root)', () => {
  test.each([
    ['mounting it', 2],
    ['making it read-only', 3]
  ])('leaves nothing when %s fails, and says so', async (_name, failing) => {
    // The first mount is the probe.
    const { copies, directory } = newPlace(
      refusing((_options, nth) => (nth === failing ? noPermission : null))
    )
    const id = newId()
    const contents = contentsOf({ 'd/f': { file: 'secret' }, d: { directory: 0o755 } })
    await expect(copies.make(id, contents, plain)).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot make copy "${copies.pathOf(id)}": the system does not permit it`
    })
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
    await copies.make(id, contents, plain)
  })

  test('leaves nothing when reading breaks off midway, and what was written is overwritten', async () => {
    const { copies, directory } = newPlace()
    const id = newId()
    const all = contentsOf({
      a: { file: 'first secret' },
      b: { file: Buffer.alloc(300_000, 'second'), chunks: [100_000, 100_000, 100_000] },
      c: { file: 'never' }
    })
    const opened: number[] = []
    async function* breaking(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let pieces = 0
      for await (const piece of bytes) {
        if (++pieces === 3) {
          for (const name of ['a', 'b']) opened.push(openSync(join(copies.pathOf(id), name), 'r'))
          throw new SecretboxError('damaged', 'cannot open record: it was changed or moved')
        }
        yield piece
      }
    }
    const contents: CopyContents = {
      tree: all.tree,
      read(entry) {
        const bytes = all.read(entry)
        return Symbol.asyncIterator in bytes ? breaking(bytes) : bytes
      }
    }
    await expect(copies.make(id, contents, plain)).rejects.toMatchObject({
      code: 'damaged',
      message: 'cannot open record: it was changed or moved'
    })
    expect(readdirSync(directory)).toEqual([])
    expect(mountsBelow(directory)).toEqual([])
    const seen = opened.map(fd => {
      const bytes = Buffer.alloc(300_000, 1)
      const length = readSync(fd, bytes, 0, bytes.length, 0)
      closeSync(fd)
      return bytes.subarray(0, length)
    })
    expect(seen.map(({ length }) => length)).toEqual([12, 200_000])
    for (const bytes of seen) expect(bytes.every(byte => byte === 0)).toBe(true)
  })

  test('leaves nothing when it does not fit', async () => {
    const { copies, directory } = newPlace()
    const contents = contentsOf({ f: { file: Buffer.alloc(20_000), chunks: [20_000] } })
    const lying: CopyContents = {
      tree: contentsOf({ f: { file: 'x' } }).tree,
      read: () => contents.read(contents.tree.values().next().value as never)
    }
    await expect(copies.make(newId(), lying, plain)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^cannot make copy ".*": no space is left there$/) as string
    })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe.skipIf(cannotMount)('the memory of copies (takes root)', () => {
  const withoutNoswap = refusing(options => (options?.includes('noswap') === true ? badArgument : null))

  test('is a tmpfs that is never swapped, where the kernel has one', () => {
    expect(newPlace().copies.memory).toBe('tmpfs with noswap')
  })

  test('is a plain tmpfs where the kernel knows no noswap and the host has no swap', async () => {
    const { copies } = newPlace(withoutNoswap)
    expect(copies.memory).toBe('tmpfs on a host without swap')
    const id = newId()
    await copies.make(id, contentsOf({ f: { file: 'x' } }), plain)
    expect(readFileSync(join(copies.pathOf(id), 'f'), 'utf8')).toBe('x')
    await copies.wipe(id)
  })

  test('is ramfs, read-only all the same, where the kernel knows no noswap and the host has swap', () => {
    const directory = temporaryDirectory()
    const swaps = join(directory, 'swaps')
    writeFileSync(swaps, 'Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1048572 0 -2\n')
    // Another /proc/swaps, in a mount namespace of its own.
    const script = `mount --bind ${swaps} /proc/swaps && exec "$0" "$1" "$2"`
    const program = new URL('ramfs.ts', import.meta.url).pathname
    const args = [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      process.execPath,
      program,
      directory
    ]
    const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      memory: 'ramfs',
      type: 'ramfs',
      contents: 'x',
      owner: '1000:1001',
      mode: '2750',
      writing: 'EROFS',
      writable: 'cannot make a writable copy: ramfs has no size limit',
      left: []
    })
  })

  test('is not to be had where mounting is not permitted, which is said at once', () => {
    const directory = temporaryDirectory()
    expect(() =>
      openCopies(
        directory,
        refusing(() => noPermission)
      )
    ).toThrow(
      expect.objectContaining({
        code: 'unavailable',
        message: `cannot mount a tmpfs on "${join(directory, '.probe')}": the system does not permit it`,
        hint: 'the daemon needs root and CAP_SYS_ADMIN'
      })
    )
    expect(readdirSync(directory)).toEqual([])
  })
})
