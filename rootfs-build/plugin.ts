import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bundleDaemon, projectRoot } from './bundle.ts'
import { sharedLibraries } from './libraries.ts'
import { buildSupervisor } from './supervisor.ts'
import { normaliseTree } from './tree.ts'

/** Directories the Engine mounts something on, or that programs expect. The Engine's runtime would make them anyway. */
const mountPoints = [
  'dev',
  'etc/secretbox',
  'mnt/secretbox',
  'proc',
  'run/docker/plugins',
  'sys',
  'tmp',
  'var/lib/secretbox',
  'var/run'
]

/**
 * Builds the plugin directory that `docker plugin create` takes: `config.json` and `rootfs/` with Node, the
 * libraries it needs, the supervisor, the bundled daemon and koffi's native file for this machine's architecture; no shell,
 * nothing else. The same sources on the same machine give the same bytes, modes and times. Replaces `outDir`.
 * With `faultPoints`, for tests, the daemon takes orders to fail from `faults/` in its data directory.
 */
export async function buildPlugin(outDir: string, options = { faultPoints: false }): Promise<void> {
  await mkdir(dirname(outDir), { recursive: true })
  const staging = await mkdtemp(`${outDir}-`)
  try {
    await copyFile(join(projectRoot, 'plugin-config.json'), join(staging, 'config.json'))
    if (options.faultPoints) await takeFaultOrders(join(staging, 'config.json'))
    await fillRootfs(join(staging, 'rootfs'), options)
    await normaliseTree(staging)
    await rm(outDir, { recursive: true, force: true })
    await rename(staging, outDir)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function takeFaultOrders(configFile: string): Promise<void> {
  const config = JSON.parse(await readFile(configFile, 'utf8')) as { env: object[] }
  config.env.push({
    name: 'SECRETBOX_FAULTS',
    description: 'where tests order faults',
    value: '/var/lib/secretbox/faults'
  })
  await writeFile(configFile, JSON.stringify(config))
}

async function fillRootfs(rootfs: string, options: { faultPoints: boolean }): Promise<void> {
  const packages = join(projectRoot, 'node_modules')
  const node = join(packages, `node-linux-${process.arch}`, 'bin/node')
  const koffi = `@koromix/koffi-linux-${process.arch}`
  const koffiNative = join(`linux_${process.arch}`, 'koffi.node')
  const program = 'usr/lib/secretbox'

  for (const directory of mountPoints) await mkdir(join(rootfs, directory), { recursive: true })
  await bundleDaemon('src/daemon.ts', join(rootfs, program, 'daemon.mjs'), options)
  await buildSupervisor(join(rootfs, program, 'supervisor'), options)
  await copyInto(node, join(rootfs, 'usr/bin/node'))
  for (const file of ['package.json', 'index.js', koffiNative]) {
    await copyInto(join(packages, koffi, file), join(rootfs, program, 'node_modules', koffi, file))
  }
  for (const library of sharedLibraries([node, join(packages, koffi, koffiNative)])) {
    await copyInto(library, join(rootfs, library))
  }
}

async function copyInto(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true })
  await copyFile(source, target)
}
