import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { withPrivateFile } from '../../src/cli/private-file.ts'

test('everything beside the file is overwritten before it is removed', async () => {
  const secret = Buffer.from('a secret of some length')
  const handles = await withPrivateFile('name', secret, {}, async path => {
    await writeFile(join(dirname(path), '.name.swp'), secret)
    // Whoever still has a file open sees what became of its bytes.
    return [await open(path), await open(join(dirname(path), '.name.swp'))]
  })
  for (const handle of handles) {
    expect(await handle.readFile()).toEqual(Buffer.alloc(secret.length))
    await handle.close()
  }
})

test('it is overwritten when its use fails, too', async () => {
  let path = ''
  const failing = withPrivateFile('name', Buffer.from('x'), {}, given => {
    path = given
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  await expect(readdir(dirname(path))).rejects.toThrow('ENOENT')
})

test('a directory on a disk is not taken', async () => {
  const onDisk = await mkdtemp(join(tmpdir(), 'private-'))
  const path = await withPrivateFile('name', Buffer.alloc(0), { XDG_RUNTIME_DIR: onDisk }, given =>
    Promise.resolve(given)
  )
  expect(path).toMatch(/^\/dev\/shm\/secretbox-/)
  await rm(onDisk, { recursive: true })
})
