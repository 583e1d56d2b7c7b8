import { appendFile, chmod, mkdtemp, open, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { OperatorFile } from '../../src/cli/files/operator-files.ts'
import { BrokenFile, tarOfFiles } from '../../src/cli/files/tar-out.ts'
import { entriesOf } from '../../src/tar/entries.ts'
import { parseFilePath } from '../../src/base/names.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tar-out-'))
})
afterEach(() => rm(directory, { recursive: true }))

const opened = (source: string) => open(source, constants.O_RDONLY | constants.O_NOFOLLOW)

async function fileOf(name: string, contents: Buffer, mode = 0o600): Promise<OperatorFile> {
  const source = join(directory, name)
  await writeFile(source, contents)
  await chmod(source, mode)
  return { source, path: parseFilePath(name), type: 'file', open: () => opened(source) }
}

interface Entry {
  readonly name: string
  readonly type: string
  readonly mode: number
  readonly linkname: string
  readonly contents: Buffer
}

async function roundTrip(files: OperatorFile[], refused: string[] = []): Promise<Entry[]> {
  const entries: Entry[] = []
  const tar = tarOfFiles(files, (_, { message }) => refused.push(message))
  for await (const entry of entriesOf(tar)) {
    const chunks: Buffer[] = []
    for await (const chunk of entry.contents) chunks.push(Buffer.from(chunk))
    const { name, type, mode, linkname } = entry.header
    entries.push({ name, type, mode, linkname, contents: Buffer.concat(chunks) })
  }
  return entries
}

test('names, modes, targets and contents of any length come through', async () => {
  const long = `${'d'.repeat(200)}/${'ü'.repeat(120)}`
  const big = Buffer.alloc(3 * 1024 * 1024 + 17, 'secret')
  const files: OperatorFile[] = [
    await fileOf('empty', Buffer.alloc(0), 0),
    await fileOf('new\nline = ü', Buffer.from('a\0b'), 0o7777),
    await fileOf('big', big),
    { source: '', path: parseFilePath(long), type: 'directory', mode: 0o1777 },
    { source: '/dev/stdin', path: parseFilePath('stream'), type: 'stream', bytes: Buffer.from('streamed') },
    {
      source: '',
      path: parseFilePath('link'),
      type: 'symlink',
      target: `../${'ö'.repeat(200)}`
    }
  ]
  expect(await roundTrip(files)).toEqual([
    { name: 'empty', type: 'file', mode: 0, linkname: '', contents: Buffer.alloc(0) },
    { name: 'new\nline = ü', type: 'file', mode: 0o7777, linkname: '', contents: Buffer.from('a\0b') },
    { name: 'big', type: 'file', mode: 0o600, linkname: '', contents: big },
    { name: long, type: 'directory', mode: 0o1777, linkname: '', contents: Buffer.alloc(0) },
    { name: 'stream', type: 'file', mode: 0o600, linkname: '', contents: Buffer.from('streamed') },
    {
      name: 'link',
      type: 'symlink',
      mode: 0o777,
      linkname: `../${'ö'.repeat(200)}`,
      contents: Buffer.alloc(0)
    }
  ])
})

test('a file that is gone, or a symlink by now, is left out and the others stay', async () => {
  const gone = await fileOf('gone', Buffer.from('1'))
  const swapped = await fileOf('swapped', Buffer.from('2'))
  const good = await fileOf('good', Buffer.from('3'))
  await rm(gone.source)
  await rm(swapped.source)
  await symlink('good', swapped.source)
  const refused: string[] = []
  expect((await roundTrip([gone, swapped, good], refused)).map(({ name }) => name)).toEqual(['good'])
  expect(refused).toEqual([
    `cannot add "${gone.source}": no such file or directory`,
    `cannot add "${swapped.source}": it is a symlink, or its path has too many of them`
  ])
})

test('a file without a length of its own is left out', async () => {
  const file: OperatorFile = {
    source: '/proc/self/status',
    path: parseFilePath('s'),
    type: 'file',
    open: () => opened('/proc/self/status')
  }
  const refused: string[] = []
  expect(await roundTrip([file], refused)).toEqual([])
  expect(refused).toEqual(['cannot add "/proc/self/status": it changed while it was being read'])
})

test.each([
  ['shrinks', (path: string) => truncate(path, 2 * 1024 * 1024)],
  ['grows', (path: string) => appendFile(path, 'x')]
])('a large file that %s while it is sent breaks the tar off', async (_, change) => {
  const big = await fileOf('big', Buffer.alloc(8 * 1024 * 1024))
  let changed = false
  const consume = async () => {
    for await (const chunk of tarOfFiles([big], () => undefined)) {
      if (!changed) await change(big.source)
      changed = chunk.length > 0
    }
  }
  const broken = await consume().catch((error: unknown) => error)
  expect(broken).toBeInstanceOf(BrokenFile)
  expect(broken).toMatchObject({
    file: big,
    message: `cannot add "${big.source}": it changed while it was being read`,
    reason: { hint: 'add it again when nothing writes to it' }
  })
})
