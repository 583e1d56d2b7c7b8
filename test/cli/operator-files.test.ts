import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFiles, type OperatorFile } from '../../src/cli/operator-files.ts'
import { parseFilePath } from '../../src/vault/names.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'operator-files-'))
})
afterEach(() => rm(directory, { recursive: true }))

async function find(source: string, path: string, recursive = true): Promise<[OperatorFile[], string[]]> {
  const files: OperatorFile[] = []
  const refused: string[] = []
  const found = findFiles(source, parseFilePath(path), recursive, ({ message, hint }) => {
    refused.push(hint === undefined ? message : `${message} (${hint})`)
  })
  for await (const file of found) files.push(file)
  return [files, refused]
}

test('a directory is found with all that is in it, parents first, symlinks as they are', async () => {
  await mkdir(join(directory, 'a/empty'), { recursive: true })
  await writeFile(join(directory, 'a/new\nline ü'), 'x')
  await chmod(join(directory, 'a/new\nline ü'), 0o4751)
  await chmod(join(directory, 'a/empty'), 0o700)
  await symlink('../../nowhere', join(directory, 'a/link'))
  const source = join(directory, 'a')
  const [files, refused] = await find(source, 'to/a')
  expect(refused).toEqual([])
  expect(files).toEqual([
    { source, path: 'to/a', type: 'directory', mode: 0o755, size: 0 },
    { source: join(source, 'empty'), path: 'to/a/empty', type: 'directory', mode: 0o700, size: 0 },
    {
      source: join(source, 'link'),
      path: 'to/a/link',
      type: 'symlink',
      mode: 0o777,
      size: 0,
      target: '../../nowhere'
    },
    { source: join(source, 'new\nline ü'), path: 'to/a/new\nline ü', type: 'file', mode: 0o4751, size: 1 }
  ])
})

test('the root of a box is not an entry of it', async () => {
  await writeFile(join(directory, 'a'), '')
  const [files] = await find(directory, '')
  expect(files.map(({ path }) => path)).toEqual(['a'])
})

test('what cannot be added is told, and the rest is found', async () => {
  await mkdir(join(directory, 'd'))
  await writeFile(join(directory, 'd/good'), '')
  await writeFile(Buffer.concat([Buffer.from(`${directory}/d/bad-`), Buffer.from([0xff])]), '')
  await symlink(Buffer.from([0xfe]), join(directory, 'd/bad-target'))
  const socket = createServer().listen(join(directory, 'd/socket'))
  await new Promise(resolve => socket.once('listening', resolve))
  const [files, refused] = await find(join(directory, 'd'), 'd')
  await new Promise(resolve => socket.close(resolve))
  expect(files.map(({ path }) => path)).toEqual(['d', 'd/good'])
  expect(refused).toEqual([
    `cannot add "${directory}/d/bad-\u00ff": its name is not valid UTF-8`,
    `cannot add "${directory}/d/bad-target": its target is not valid UTF-8`,
    `cannot add "${directory}/d/socket": it is a socket (files, directories and symlinks can be added)`
  ])
})

test('devices, missing files and directories without "recursive" are told', async () => {
  expect((await find('/dev/null', 'n'))[1]).toEqual([
    'cannot add "/dev/null": it is a device (files, directories and symlinks can be added)'
  ])
  expect((await find(join(directory, 'x'), 'x'))[1]).toEqual([
    `cannot add "${directory}/x": no such file or directory`
  ])
  expect((await find(directory, 'd', false))[1]).toEqual([
    `cannot add "${directory}": it is a directory (-r (recursive) takes it with everything in it)`
  ])
})
