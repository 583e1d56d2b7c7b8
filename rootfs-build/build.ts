import { join } from 'node:path'
import { bundleCli, projectRoot } from './bundle.ts'
import { buildPlugin } from './plugin.ts'

/** What `make plugin` and `make cli` run: `build.ts plugin` or `build.ts cli`. */
const products: Record<string, () => Promise<string>> = {
  async plugin() {
    const outDir = join(projectRoot, 'build/plugin')
    await buildPlugin(outDir)
    return outDir
  },
  async cli() {
    const outFile = join(projectRoot, 'build/docker-vault')
    await bundleCli(outFile)
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
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    console.error(`error: cannot build the ${name}: ${(error as Error).message}`)
    console.error(
      'hint: this checkout, or what was built in it, belongs to another user: become that user, or root'
    )
    process.exit(1)
  }
}
