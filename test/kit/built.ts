import { copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleCli, bundleDaemon, projectRoot } from '../../rootfs-build/bundle.ts'
import { buildCli } from '../../rootfs-build/cli.ts'
import { buildPlugin } from '../../rootfs-build/plugin.ts'
import { buildSupervisor, supervisorOfSources } from '../../rootfs-build/supervisor.ts'

const built = join(projectRoot, 'build/test')
/** The daemon that tests start: in one file, it is up in half the time that its sources take. It takes orders to fail. */
export const builtDaemon = join(built, 'daemon.mjs')
/** The CLI that tests run. */
export const builtCli = join(built, 'docker-vault')
/** The same as a module, for tests that need no process of its own: a Node takes a third of a second to start. */
export const builtCliModule = join(built, 'cli/begin.cjs')
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
  await rm(built, { recursive: true, force: true })
  await rm(supervisorOfSources, { force: true })
  await mkdir(built, { recursive: true })
  await buildSupervisor(supervisorOfSources, { faultPoints: true })
  await copyFile(supervisorOfSources, join(built, 'supervisor'))
  await bundleDaemon('src/daemon.ts', builtDaemon, { faultPoints: true })
  await buildCli(builtCli)
  await bundleCli(builtCliModule, 'src/cli/begin.ts')
  await writeFile(stamp, '')
}

/** Builds the plugin and the CLI, too, where `make plugin cli` does; again only when a source is newer. */
export async function buildForEngines(): Promise<void> {
  await buildForTests()
  if ((await changedMs(stampOfEngines)) > 0) return
  await buildPlugin(join(projectRoot, 'build/plugin'))
  await buildCli(join(projectRoot, 'build/docker-vault'))
  await writeFile(stampOfEngines, '')
}

/** When the newest of the sources was changed, in milliseconds since 1970. */
async function newestMs(): Promise<number> {
  const listed = ['src', 'supervisor', 'rootfs-build'].map(async directory => {
    const names = await readdir(join(projectRoot, directory), { recursive: true })
    return [directory, ...names.map(name => join(directory, name))]
  })
  const paths = ['package-lock.json', 'plugin-config.json', ...(await Promise.all(listed)).flat()]
  return Math.max(...(await Promise.all(paths.map(path => changedMs(join(projectRoot, path))))))
}

/** When a file was changed, in milliseconds since 1970; 0 if there is none. */
async function changedMs(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.mtimeMs ?? 0
}
