import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleCli, bundleDaemon } from '../../rootfs-build/bundle.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** The packages that a bundle has something of. */
function packagesOf(modules: readonly string[]): string[] {
  const names = modules.flatMap(path => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
  return [...new Set(names)].sort()
}

const forBuilding = ['esbuild', 'fs-extra', 'graceful-fs', 'jsonfile']

test('the daemon is bundled with dockerode, but with nothing that dockerode has for other hosts and for builds', async () => {
  const modules = await bundleDaemon('src/daemon.ts', join(temporaryDirectory(), 'daemon.mjs'))
  const packages = packagesOf(modules)
  expect(packages).toEqual(expect.arrayContaining(['docker-modem', 'dockerode', 'express']))
  const unused = ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs', 'tar-fs', 'readable-stream']
  expect(packages.filter(name => [...unused, ...forBuilding].includes(name))).toEqual([])
  expect(modules.filter(path => /iconv-lite\/encodings\/tables|zod\/v4\/locales\/de/.test(path))).toEqual([])
})

test('the command line is bundled without what only the daemon or the build needs', async () => {
  const modules = await bundleCli(join(temporaryDirectory(), 'main.cjs'))
  expect(packagesOf(modules)).toContain('commander')
  const unused = ['docker-modem', 'dockerode', 'express', 'libsodium-wrappers-sumo', 'pino', ...forBuilding]
  expect(packagesOf(modules).filter(name => unused.includes(name))).toEqual([])
})
