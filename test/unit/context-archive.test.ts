import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { isArchive, readFromArchive, withReplaced } from '../../src/cli/inject/context-archive.ts'
import { archive, entry, filled, head, pax } from '../kit/tar-blocks.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

function spooled(bytes: Buffer): string {
  const file = join(temporaryDirectory(), 'context')
  writeFileSync(file, bytes)
  return file
}

const name = 'Dockerfile'
const before = [
  pax({ comment: 'of a commit' }, 'g'),
  entry('contiguous', { name: 'c', type: '7' }),
  head({ name: 'device', type: '3' }),
  // A sparse file of GNU tar, whose map goes on in a block that its size does not count.
  head({ name: 's', type: 'S', dialect: 'gnu', size: 4, patch: block => block.fill(1, 482, 483) }),
  Buffer.alloc(512),
  filled('data')
]
const after = [
  entry('M', { name: 'volume', type: 'M' }),
  pax({ path: 'päx', 'SCHILY.xattr.user.x': 'kept' }),
  entry('Z'.repeat(600), { name: 'cut', type: 'Z' }),
  entry('d/\0', { name: 'd', type: 'D', dialect: 'gnu' })
]

test.each([
  ['as it is', (bytes: Buffer) => bytes],
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)]
])('all but the Dockerfile stays byte for byte, whatever it is (%s)', async (_name, compress) => {
  const dockerfile = (contents: string) => [
    pax({ mtime: '1.5' }),
    entry(contents, { name: `./${name}`, mode: '0000600' })
  ]
  const file = spooled(compress(archive(...before, ...dockerfile('FROM a'), ...after)))
  expect(await isArchive(file)).toBe(true)
  expect((await readFromArchive(file, name)).toString()).toBe('FROM a')
  const longer = 'FROM b\n'.repeat(200)
  const replaced = await buffer(withReplaced(file, name, Buffer.from(longer)))
  expect(replaced.equals(archive(...before, ...dockerfile(longer), ...after))).toBe(true)
})

test('of two Dockerfiles the last one counts, as when an archive is unpacked', async () => {
  const file = spooled(archive(entry('FROM a', { name }), entry('FROM b', { name })))
  expect((await readFromArchive(file, name)).toString()).toBe('FROM b')
})

test.each([
  ['a symlink', head({ name, type: '2', linkname: 'other' }), 'it is a symlink'],
  ['a hard link', head({ name, type: '1', linkname: 'other' }), 'it is a link'],
  ['a fifo', head({ name, type: '6' }), 'it is a fifo'],
  [
    'sparse',
    Buffer.concat([pax({ 'GNU.sparse.major': '1', 'GNU.sparse.name': name }), entry('x', { name: 'y' })]),
    'it is a sparse file'
  ]
])('a Dockerfile that is %s is refused', async (_name, bytes, reason) => {
  await expect(readFromArchive(spooled(archive(bytes)), name)).rejects.toThrow(
    `cannot read "${name}" of the build context: ${reason}`
  )
})

test('an archive that is cut short is refused, and text is no archive', async () => {
  const whole = archive(entry('FROM a', { name }))
  await expect(readFromArchive(spooled(whole.subarray(0, 1024)), name)).rejects.toThrow(
    'it ends in the middle'
  )
  expect(await isArchive(spooled(Buffer.from('FROM a')))).toBe(false)
  expect(await isArchive(spooled(Buffer.alloc(0)))).toBe(false)
})
