import { ensureDir } from 'fs-extra/esm'
import { chown, chmod, lchown, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findLauncher } from '../../src/cli/client/socket.ts'
import { whyUntrusted } from '../../src/cli/input/trusted-path.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const nobody = 65534

test('a path is trusted as far as root and the caller alone could have made it', async () => {
  const root = temporaryDirectory()
  const at = (...names: string[]) => join(root, ...names)
  await ensureDir(at('ours/deep'))
  await writeFile(at('ours/deep/file'), '')
  expect(whyUntrusted(at('ours/deep/file'))).toBeNull()
  expect(whyUntrusted(at('ours/none/at/all'))).toBeNull()
  expect(whyUntrusted(at('ours/deep/file/below'))).toBeNull()

  await writeFile(at('theirs'), '')
  await chown(at('theirs'), nobody, nobody)
  expect(whyUntrusted(at('theirs'))).toBe(`"${at('theirs')}" belongs to uid 65534`)
  await mkdir(at('dir'))
  await writeFile(at('dir/ours'), '')
  await chown(at('dir'), nobody, nobody)
  expect(whyUntrusted(at('dir/ours'))).toBe(`"${at('dir')}" belongs to uid 65534`)

  await mkdir(at('open'))
  await writeFile(at('open/ours'), '')
  for (const mode of [0o775, 0o757]) {
    await chmod(at('open'), mode)
    expect(whyUntrusted(at('open/ours'))).toBe(
      `others can write to "${at('open')}" (mode 0${mode.toString(8)})`
    )
  }
  await chmod(at('open'), 0o1777)
  expect(whyUntrusted(at('open/ours'))).toBeNull()
})

test('links are walked as the kernel does', async () => {
  const root = temporaryDirectory()
  const at = (...names: string[]) => join(root, ...names)
  await ensureDir(at('ours/deep'))
  await ensureDir(at('theirs/deep'))
  await chown(at('theirs'), nobody, nobody)
  await symlink('../ours/./deep', at('ours/inside'))
  await symlink(at('theirs/deep'), at('ours/outside'))
  await symlink('deep', at('ours/made by others'))
  await lchown(at('ours/made by others'), nobody, nobody)
  await symlink('loop', at('loop'))
  expect(whyUntrusted(at('ours/inside/x'))).toBeNull()
  expect(whyUntrusted(at('ours/outside'))).toBe(`"${at('theirs')}" belongs to uid 65534`)
  // ".." is that of where the link leads.
  expect(whyUntrusted(`${at('ours/outside')}/../deep`)).toBe(`"${at('theirs')}" belongs to uid 65534`)
  expect(whyUntrusted(at('ours/made by others'))).toBe(`"${at('ours/made by others')}" belongs to uid 65534`)
  expect(whyUntrusted(at('loop'))).toBe(`"${at('loop')}" leads through too many symlinks`)
})

test('a launcher that others could put there is not run in containers', async () => {
  const directory = temporaryDirectory()
  const env = { SECRETBOX_SOCKET: join(directory, 'admin.sock') }
  const choice = { host: null, context: null, configDir: null }
  await writeFile(join(directory, 'launcher'), '')
  expect(await findLauncher(env, choice)).toBe(join(directory, 'launcher'))
  await chmod(directory, 0o777)
  await expect(findLauncher(env, choice)).rejects.toThrow('will not run the launcher')
})
