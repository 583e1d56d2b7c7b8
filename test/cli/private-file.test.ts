import { chmod, chown, mkdir, mkdtemp, open, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withPrivateFile } from '../../src/cli/input/private-file.ts'

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

test('a directory of another user is not taken, nor one that others can use, or that a link or such a parent leads to', async () => {
  const memory = await mkdtemp('/dev/shm/private-test-')
  onTestFinished(() => rm(memory, { recursive: true }))
  const made = async (name: string, mode: number, uid = 0): Promise<string> => {
    const path = join(memory, name)
    await mkdir(path)
    await chmod(path, mode)
    await chown(path, uid, uid)
    return path
  }
  const own = await made('own', 0o700)
  await symlink('own', join(memory, 'link'))
  const ofNobody = await made('of-nobody', 0o755, 65534)
  await mkdir(join(ofNobody, 'own'), { mode: 0o700 })
  const placed = (XDG_RUNTIME_DIR: string): Promise<string> =>
    withPrivateFile('name', Buffer.alloc(0), { XDG_RUNTIME_DIR }, path =>
      Promise.resolve(dirname(dirname(path)))
    )
  expect(await placed(own)).toBe(own)
  for (const bad of [
    await made('wide', 0o755),
    await made('sticky', 0o1777),
    await made('other', 0o700, 65534),
    join(ofNobody, 'own'),
    join(memory, 'link'),
    'own',
    '',
    join(memory, 'none')
  ])
    expect(await placed(bad)).toBe('/dev/shm')
})
