import { copy, ensureDir, remove } from 'fs-extra/esm'
import { copyFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleCli, bundleDaemon, projectRoot } from '../../rootfs-build/bundle.ts'
import { buildCli } from '../../rootfs-build/cli.ts'
import { buildLauncher } from '../../rootfs-build/launcher.ts'
import { buildPlugin } from '../../rootfs-build/plugin.ts'
import { buildSupervisor, supervisorOfSources } from '../../rootfs-build/supervisor.ts'

const built = join(projectRoot, 'build/test')
/** The daemon that tests start: in one file, it is up in half the time that its sources take. It takes orders to fail. */
export const builtDaemon = join(built, 'daemon.mjs')
/** The supervisor of it. */
export const builtSupervisor = join(built, 'supervisor')
/** The CLI that tests run. */
export const builtCli = join(built, 'docker-vault')
/** The same as a module, for tests that need no process of its own: a Node takes a third of a second to start. */
export const builtCliModule = join(built, 'cli/begin.cjs')
/**
 * The plugin, and one that takes orders to fail, as tests put them into their Engines: whole but for Node, to pack and
 * unpack which takes six seconds of a processor each time. `engine/plugin.ts` puts it in.
 */
export const builtPlugins = { plain: join(built, 'plugin'), withFaults: join(built, 'plugin-with-faults') }
/** Where Node lies in them. */
export const nodeInPlugin = 'rootfs/usr/bin/node'
const stamp = join(built, 'built')
/** It goes with `built`. */
const stampOfEngines = join(built, 'built-for-engines')

/**
 * Builds what tests run, once per run and only when a source is newer: daemon, CLI and supervisor, and the supervisor of
 * a daemon that is run from its sources.
 */
export async function buildForTests(): Promise<void> {
  if ((await changedMs(stamp)) > (await newestMs())) return
  // Removed and not overwritten: what an earlier run left may still be executed.
  await remove(built)
  await rm(supervisorOfSources, { force: true })
  await ensureDir(built)
  await buildSupervisor(supervisorOfSources, { faultPoints: true })
  await copyFile(supervisorOfSources, builtSupervisor)
  await buildLauncher(join(built, 'launcher'))
  await bundleDaemon('src/daemon.ts', builtDaemon, { faultPoints: true })
  await buildCli(builtCli)
  await bundleCli(builtCliModule, 'src/cli/begin.ts')
  await writeFile(stamp, '')
}

/** Builds the plugin and the CLI, too, where `make plugin cli` does, and the plugins of tests; again only when a source is newer. */
export async function buildForEngines(): Promise<void> {
  await buildForTests()
  if ((await changedMs(stampOfEngines)) > 0) return
  const whole = join(projectRoot, 'build/plugin')
  await buildPlugin(whole)
  await copy(whole, builtPlugins.plain, {
    preserveTimestamps: true,
    filter: path => path !== join(whole, nodeInPlugin)
  })
  await buildPlugin(builtPlugins.withFaults, { faultPoints: true })
  await rm(join(builtPlugins.withFaults, nodeInPlugin))
  await buildCli(join(projectRoot, 'build/docker-vault'))
  await writeFile(stampOfEngines, '')
}

/** When the newest of the sources was changed, in milliseconds since 1970. */
async function newestMs(): Promise<number> {
  const listed = ['src', 'supervisor', 'launcher', 'rootfs-build'].map(async directory => {
    const names = await readdir(join(projectRoot, directory), { recursive: true })
    return [directory, ...names.map(name => join(directory, name))]
  })
  const paths = [
    'package-lock.json',
    'plugin-config.json',
    'test/kit/built.ts',
    ...(await Promise.all(listed)).flat()
  ]
  return Math.max(...(await Promise.all(paths.map(path => changedMs(join(projectRoot, path))))))
}

/** When a file was changed, in milliseconds since 1970; 0 if there is none. */
async function changedMs(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.mtimeMs ?? 0
}
