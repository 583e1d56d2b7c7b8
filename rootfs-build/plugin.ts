import { copy, ensureDir, move, readJson, remove, writeJson } from 'fs-extra/esm'
import { mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { defaultPaths } from '../src/base/default-paths.ts'
import { faultsVariable } from '../src/base/fault-points.ts'
import { bundleDaemon, projectRoot } from './bundle.ts'
import { sharedLibraries } from './libraries.ts'
import { buildLauncher } from './launcher.ts'
import { copyKoffi, koffiNative, node } from './packages.ts'
import { buildSupervisor } from './supervisor.ts'
import { normaliseTree } from './tree.ts'

/** Where the daemon, the supervisor, the launcher and koffi lie in the rootfs, as the entry point of plugin-config.json names them. */
export const programDirectory = '/usr/lib/secretbox'

/** Directories the Engine mounts something on, or that programs expect. The Engine's runtime would make them anyway. */
const mountPoints = [
  defaultPaths.copies,
  defaultPaths.data,
  defaultPaths.key,
  'dev',
  'proc',
  'run/docker/plugins',
  'sys',
  'tmp',
  'var/run'
]

/**
 * Builds the plugin directory that `docker plugin create` takes: `config.json` and `rootfs/` with Node, the
 * libraries it needs, the supervisor, the launcher, the bundled daemon and koffi's native file for this machine's architecture; no shell,
 * nothing else. The same sources on the same machine give the same bytes, modes and times. Replaces `outDir`.
 * With `faultPoints`, for tests, the daemon takes orders to fail from `faults/` in its data directory.
 */
export async function buildPlugin(outDir: string, options = { faultPoints: false }): Promise<void> {
  await ensureDir(dirname(outDir))
  const staging = await mkdtemp(`${outDir}-`)
  try {
    await copy(join(projectRoot, 'plugin-config.json'), join(staging, 'config.json'))
    if (options.faultPoints) await takeFaultOrders(join(staging, 'config.json'))
    await fillRootfs(join(staging, 'rootfs'), options)
    await normaliseTree(staging)
    await move(staging, outDir, { overwrite: true })
  } finally {
    await remove(staging)
  }
}

async function takeFaultOrders(configFile: string): Promise<void> {
  const config = (await readJson(configFile)) as { env: object[] }
  config.env.push({
    name: faultsVariable,
    description: 'where tests order faults',
    value: join(defaultPaths.data, 'faults')
  })
  await writeJson(configFile, config)
}

async function fillRootfs(rootfs: string, options: { faultPoints: boolean }): Promise<void> {
  const program = join(rootfs, programDirectory)
  for (const directory of mountPoints) await ensureDir(join(rootfs, directory))
  await bundleDaemon('src/daemon.ts', join(program, 'daemon.mjs'), options)
  await buildSupervisor(join(program, 'supervisor'), options)
  await buildLauncher(join(program, 'launcher'))
  await copy(node, join(rootfs, 'usr/bin/node'))
  await copyKoffi(program)
  // The loader names libraries by links: what they lead to is wanted, under the link's name.
  for (const library of sharedLibraries([node, koffiNative]))
    await copy(library, join(rootfs, library), { dereference: true })
}
