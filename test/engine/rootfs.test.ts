import { remove } from 'fs-extra/esm'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectRoot } from '../../rootfs-build/bundle.ts'
import { buildPlugin } from '../../rootfs-build/plugin.ts'
import { digestTree } from '../../rootfs-build/tree.ts'
import { runCommand } from '../kit/engine/command.ts'

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'secretbox-rootfs-'))
  await buildPlugin(join(work, 'first'))
})

afterAll(() => remove(work))

test('two builds of the same sources are the same byte for byte, modes and times included', async () => {
  const previousMask = process.umask(0o077)
  try {
    await buildPlugin(join(work, 'second'))
  } finally {
    process.umask(previousMask)
  }
  expect(await digestTree(join(work, 'second'))).toBe(await digestTree(join(work, 'first')))
})

test('a build of a checkout elsewhere, with a space in its path, is the same too', async () => {
  const [place, outDir] = [join(work, 'another place'), join(work, 'third')]
  await mkdir(place)
  const script = `mount --bind "$1" "$2" && cd / && exec "$3" --input-type=module --eval "$4"`
  const build = `
    const { buildPlugin } = await import(${JSON.stringify(pathToFileURL(join(place, 'rootfs-build/plugin.ts')))})
    await buildPlugin(${JSON.stringify(outDir)})`
  const args = [projectRoot, place, process.execPath, build]
  await runCommand('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...args], {
    env: { ...process.env, TZ: 'Asia/Tokyo' }
  })
  expect(await digestTree(outDir)).toBe(await digestTree(join(work, 'first')))
})

test('the rootfs holds three programs, no shell, and nothing that is not needed', async () => {
  const files = await readdir(join(work, 'first/rootfs'), { recursive: true, withFileTypes: true })
  const names = files.filter(file => !file.isDirectory()).map(file => file.name)
  const unneeded = names.filter(
    name =>
      !/^(node|supervisor|launcher|daemon\.mjs|koffi\.node|index\.js|package\.json|.*\.so(\.\d+)*)$/.test(
        name
      )
  )
  expect(unneeded).toEqual([])
})

test('the program in the rootfs starts there without any file of the host', () => {
  const rootfs = join(work, 'first/rootfs')
  const loadKoffi =
    "const koffi = require('/usr/lib/secretbox/node_modules/@koromix/koffi-linux-' + process.arch); console.log(koffi.version)"
  const version = execFileSync('chroot', [rootfs, '/usr/bin/node', '--eval', loadKoffi], { encoding: 'utf8' })
  expect(version.trim()).toMatch(/^\d+\.\d+\.\d+$/)
})

test('the config asks for no right that SECURITY.md does not explain', async () => {
  const config = JSON.parse(await readFile(join(work, 'first/config.json'), 'utf8')) as {
    linux: { capabilities: string[] }
    network: { type: string }
  }
  const explained = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  expect(config.network.type).toBe('none')
  expect(config.linux.capabilities.filter(capability => !explained.includes(capability))).toEqual([])
})
