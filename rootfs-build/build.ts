import { join } from 'node:path'
import { projectRoot } from './bundle.ts'
import { buildCli } from './cli.ts'
import { NoCompiler } from './compile.ts'
import { buildLauncher, buildOtherLaunchers, launcherOfSources } from './launcher.ts'
import { buildPlugin } from './plugin.ts'
import { buildSupervisor, supervisorOfSources } from './supervisor.ts'

/** What `make plugin` and `make cli` run: `build.ts plugin` or `build.ts cli`. */
const products: Record<string, () => Promise<string>> = {
  async plugin() {
    const outDir = join(projectRoot, 'build/plugin')
    await buildPlugin(outDir)
    await buildSupervisor(supervisorOfSources, { faultPoints: true })
    await buildLauncher(launcherOfSources)
    await buildOtherLaunchers()
    return outDir
  },
  async cli() {
    const outFile = join(projectRoot, 'build/docker-vault')
    await buildCli(outFile)
    return outFile
  }
}

for (const name of process.argv.slice(2)) {
  const build = products[name]
  if (build === undefined)
    throw new Error(`cannot build "${name}": known are ${Object.keys(products).join(', ')}`)
  try {
    console.log(`built ${await build()}`)
  } catch (error) {
    const hint = hintFor(error)
    if (hint === null) throw error
    console.error(`error: cannot build the ${name}: ${(error as Error).message}\nhint: ${hint}`)
    process.exit(1)
  }
}

function hintFor(error: unknown): string | null {
  if (error instanceof NoCompiler)
    return 'install one, on Debian: apt-get install gcc libc6-dev; or name it: make CC=…'
  if ((error as NodeJS.ErrnoException).code !== 'EACCES') return null
  return 'this checkout, or what was built in it, belongs to another user: become that user, or root'
}
